"""The outbox's page: view tasks, re-drive dead letters, give tasks up."""

from __future__ import annotations

import json
import logging
from itertools import batched
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin import ActionLocation
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.core.exceptions import PermissionDenied
from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction
from django.db.models import Q
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from landfast_outbox import store
from landfast_outbox.django import aliases
from landfast_outbox.django.filters import (
    BoundedPaginator,
    DatabaseFilter,
    EngineFilter,
    NameFilter,
    QueueFilter,
    StateFilter,
)
from landfast_outbox.django.models import ORDER, Task
from landfast_outbox.store import census

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from django.db.models import Model, QuerySet
    from django.http import HttpRequest, HttpResponse
    from psycopg import Connection

logger = logging.getLogger(__name__)

#: Tasks that one statement of an action changes.
BATCH = 1000

BOTH = [ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM]


class TaskList(ChangeList):
    """The list, whose links to tasks contain the database."""

    def url_for_result(self, result: Model) -> str:
        """Return the address of a task's page."""
        return f"{super().url_for_result(result)}?{urlencode({DatabaseFilter.parameter_name: _database(result)})}"


@admin.register(Task)
class TaskAdmin(admin.ModelAdmin[Task]):
    """Tasks are viewed, and changed by two actions; nobody adds, changes or deletes a task by hand."""

    list_display = (
        "name",
        "state_name",
        "queue",
        "engine",
        "age",
        "retries",
        "deaths",
        "publications",
        "error_line",
        "short_id",
    )
    list_display_links = ("name", "short_id")
    list_filter = (DatabaseFilter, StateFilter, NameFilter, QueueFilter, EngineFilter)
    list_per_page = 50
    sortable_by = ()  # each state has the order of its index
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    search_fields = ("id", "name", "error")
    search_help_text = _("Finds an id anywhere, and parts of names and errors among the tasks of the chosen state")
    actions = ("redrive", "discard")
    change_list_template = "admin/outbox/task/change_list.html"
    fieldsets = (
        (None, {"fields": ("id", "name", "state_name", "database", "queue", "engine", "ordered")}),
        (None, {"fields": ("positional", "named")}),
        (_("Course"), {"fields": ("created_at", "due_at", "published_at", "completed_at", "dead_at")}),
        (_("Attempts"), {"fields": ("publications", "retries", "deaths")}),
        (_("Outcome"), {"fields": ("result", "traceback")}),
        (_("As sent"), {"fields": ("headers_text", "properties_text"), "classes": ("collapse",)}),
    )
    readonly_fields = tuple(flatten_fieldsets(fieldsets))

    class Media:
        """The pages' style sheets."""

        css = {"all": ("outbox/admin.css",)}  # noqa: RUF012 - Django's own way

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Refuse: callers write tasks."""
        return False

    def has_change_permission(self, _request: HttpRequest, _task: Task | None = None) -> bool:
        """Refuse: a committed task does not change."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _task: Task | None = None) -> bool:
        """Refuse: a task that is given up stays as a dead letter."""
        return False

    def has_redrive_permission(self, request: HttpRequest) -> bool:
        """Return whether a user may re-drive dead letters."""
        return _has_right(request, "outbox.redrive_task")

    def has_discard_permission(self, request: HttpRequest) -> bool:
        """Return whether a user may give tasks up."""
        return _has_right(request, "outbox.discard_task")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ANN401, ARG002 - Django's
        """Return the class of the list."""
        return TaskList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        """Return the tasks of the chosen database."""
        return super().get_queryset(request).using(aliases.alias_of(DatabaseFilter.chosen(request)))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the order of the chosen state's index."""
        return ORDER.get(request.GET.get("state", ""), ("-sequence",))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Task], search_term: str
    ) -> tuple[QuerySet[Task], bool]:
        """Search an id, or its beginning, by the table's key; and anything else in names and errors."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if ids := aliases.identifiers(term):
            found = self.get_queryset(request).filter(pk__range=ids)
            if ids[0] == ids[1] or found.exists():  # eight letters from a to f may be a word
                return found, False
        return queryset.filter(Q(name__icontains=term) | Q(error__icontains=term)), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the number of tasks in each state of each database above the list."""
        outboxes = {name: aliases.stand(name) for name in aliases.names()}
        chosen = outboxes[DatabaseFilter.chosen(request)]
        if redirect := self._redirect(request, chosen, request.GET.get(SEARCH_VAR, "")):
            return redirect
        context = {"outboxes": outboxes.values(), "exact": census.EXACT, **(extra_context or {})}
        return super().changelist_view(request, context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a task."""
        redirect = self._redirect(request, aliases.stand(DatabaseFilter.chosen(request)), object_id or "")
        return redirect or super().changeform_view(request, object_id, form_url, extra_context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show operators' actions on a task."""
        redirect = self._redirect(request, aliases.stand(DatabaseFilter.chosen(request)), object_id)
        return redirect or super().history_view(request, object_id, extra_context)

    def _redirect(self, request: HttpRequest, outbox: aliases.Standing, wanted: str) -> HttpResponse | None:
        """Return the address that a request is to be redirected to; None if it is right.

        Args:
            request: the request, which may name a database.
            outbox: the numbers of tasks in the chosen database; without an answer from it, the default one is used.
            wanted: a text that may be a task's id. Then the request is redirected to the database with the task.

        Raises:
            PermissionDenied: the visitor may not view tasks.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        problem, named = outbox.problem, request.GET.get(DatabaseFilter.parameter_name)
        if named and named != outbox.database:
            problem = gettext("No contract names a database %s with durable tasks.") % named
        elif problem:
            problem = _unusable(outbox.database, problem)
        if problem:
            self.message_user(request, problem, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:outbox_task_changelist", current_app=self.admin_site.name))
        holder = aliases.holder(wanted, outbox.database)
        if holder in {None, outbox.database}:
            return None
        query = request.GET.copy()
        query[DatabaseFilter.parameter_name] = holder
        return HttpResponseRedirect(f"{request.path}?{query.urlencode()}", preserve_request=request.method == "POST")

    @admin.display(description=_("database"))
    def database(self, task: Task) -> str:
        """Return the name of the task's database."""
        return _database(task)

    @admin.display(description=_("state"))
    def state_name(self, task: Task) -> str:
        """Return the state, with a mark that makes dead letters conspicuous."""
        return format_html('<span class="outbox-{}">{}</span>', task.state.value, task.state.label)

    @admin.display(description="id")
    def short_id(self, task: Task) -> str:
        """Return the first part of the id, which fits into a line of the list."""
        return format_html('<span title="{}">{}</span>', task.pk, str(task.pk)[:8])

    @admin.display(description=_("age"))
    def age(self, task: Task) -> str:
        """Return the age of an open task, or the duration of a finished one."""
        return str(task.age).partition(".")[0]

    @admin.display(description=_("last error"))
    def error_line(self, task: Task) -> str:
        """Return the last error in one line."""
        return task.last_line

    @admin.display(description=_("arguments by position"))
    def positional(self, task: Task) -> str:
        """Return the task's arguments."""
        return _preformatted(_pretty(task.arguments[0]))

    @admin.display(description=_("arguments by name"))
    def named(self, task: Task) -> str:
        """Return the task's arguments."""
        return _preformatted(_pretty(task.arguments[1]))

    @admin.display(description=_("error"))
    def traceback(self, task: Task) -> str:
        """Return the last traceback."""
        return _preformatted(task.error or "")

    @admin.display(description=_("headers"))
    def headers_text(self, task: Task) -> str:
        """Return the message's headers."""
        return _preformatted(_pretty(task.headers))

    @admin.display(description=_("properties"))
    def properties_text(self, task: Task) -> str:
        """Return the message's properties."""
        return _preformatted(_pretty(task.properties))

    @admin.action(
        description=_("Re-drive this dead letter"),
        description_plural=_("Re-drive dead letters among the selected"),
        permissions=["redrive"],
        location=BOTH,
    )
    def redrive(self, request: HttpRequest, tasks: QuerySet[Task]) -> None:
        """Re-drive dead letters; their retries start anew."""
        count = self._change(request, tasks.filter(dead_at__isnull=False), store.redrive, gettext("re-driven"))
        text = ngettext("%d dead letter gets another chance.", "%d dead letters get another chance.", count) % count
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)

    @admin.action(
        description=_("Give this task up: make it a dead letter"),
        description_plural=_("Give up tasks among the selected that nobody works on"),
        permissions=["discard"],
        location=BOTH,
    )
    def discard(self, request: HttpRequest, tasks: QuerySet[Task]) -> None:
        """Make dead letters of tasks that are not to run."""
        reason = f"it was given up in the admin by {request.user.get_username()}"

        def discard(connection: Connection[Any], ids: Sequence[UUID]) -> int:
            return len(store.discard(connection, ids, reason))

        waiting = tasks.filter(completed_at__isnull=True, dead_at__isnull=True)
        count = self._change(request, waiting, discard, gettext("given up"))
        text = ngettext("%d task was given up.", "%d tasks were given up.", count) % count
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)

    def _change(
        self,
        request: HttpRequest,
        tasks: QuerySet[Task],
        change: Callable[[Connection[Any], Sequence[UUID]], int],
        what: str,
    ) -> int:
        """Change tasks in batches, record that in their history, and return the number of changed tasks."""
        user, message, changed = request.user.pk, [{"changed": {"fields": [what]}}], 0
        connection, database = connections[tasks.db], DatabaseFilter.chosen(request)
        try:
            # The tasks' own transaction commits first, so the history in the default database has no failed changes.
            with transaction.atomic(), transaction.atomic(using=tasks.db), connection.wrap_database_errors:
                found = list(tasks.only("pk", "name"))
                for batch in batched(found, BATCH, strict=False):
                    changed += change(connection.connection, [task.pk for task in batch])
                    if user is not None:
                        LogEntry.objects.log_actions(user, list(batch), CHANGE, message)
        except Error as error:
            if tasks.db == DEFAULT_DB_ALIAS:
                raise
            self.message_user(request, _unusable(database, aliases.first_line(error)), messages.ERROR)
            return 0
        done = {"tasks": changed, "action": what, "user": user, "database": database}
        logger.info("tasks were changed in the admin", extra=done)
        return changed


def _has_right(request: HttpRequest, permission: str) -> bool:
    return bool(getattr(request.user, "has_perm")(permission))  # noqa: B009 - not every user model has it


def _unusable(database: str, problem: str) -> str:
    return gettext("The database %(name)s cannot be used: %(problem)s") % {"name": database, "problem": problem}


def _database(task: Model) -> str:
    return str(connections[task._state.db or DEFAULT_DB_ALIAS].settings_dict["NAME"])  # noqa: SLF001 - documented


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _preformatted(text: str) -> str:
    return format_html("<pre>{}</pre>", text) if text else "-"
