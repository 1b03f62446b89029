"""Filters of the list of tasks; none of them reads the whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from landfast_outbox.django import aliases
from landfast_outbox.django.models import State, Task, TaskQuerySet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest

#: The most tasks that a list counts: nobody turns more pages.
COUNTED = 100_000


class BoundedPaginator(Paginator[Task]):
    """The pages of a list that is counted only up to a limit."""

    @cached_property
    def count(self) -> int:
        """The number of tasks, or :data:`COUNTED` if there are more."""
        tasks: Any = self.object_list
        found: int = tasks.order_by()[:COUNTED].count()
        return found


class DatabaseFilter(admin.SimpleListFilter):
    """Filters by database; without a choice, by the default one."""

    title = _("database")
    parameter_name = "database"

    @classmethod
    def chosen(cls, request: HttpRequest) -> str:
        """Return the name of a request's database."""
        names = aliases.names()
        named = request.GET.get(cls.parameter_name)
        return named if named in names else names[0]

    def value(self) -> str:
        """Return the database whose tasks the list shows."""
        return self.chosen(self.request)

    def lookups(self, _request: HttpRequest, _model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, Any]]:
        """Return the databases; an empty list if there is only one."""
        names = aliases.names()
        return [(name, name) for name in names] if len(names) > 1 else []

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Leave out the choice of all: a list shows the tasks of one database."""
        _all, *databases = super().choices(changelist)
        yield from databases

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Return all: ``TaskAdmin.get_queryset`` has chosen the database, for a task's own page, too."""
        return queryset


class StateFilter(admin.SimpleListFilter):
    """Filters by state; without a choice, the first tasks of each state's list are shown."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, Any]]:
        """Return the states."""
        return list(State.choices)

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Name the default."""
        first, *others = super().choices(changelist)
        yield {**first, "display": _("The latest of each")}
        yield from others

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Return the tasks of the chosen state."""
        chosen = self.value()
        tasks = TaskQuerySet(queryset.model, queryset.query, queryset.db)
        return tasks.in_state(chosen) if chosen in State.values else tasks.latest_of_each_state()


class SeenFilter(admin.SimpleListFilter):
    """Filters by a column, with the values that occur among the latest tasks of each state."""

    parameter_name: str

    def lookups(self, request: HttpRequest, _model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, Any]]:
        """Return the values, including the chosen one."""
        tasks = Task.objects.using(aliases.alias_of(DatabaseFilter.chosen(request)))
        seen = tasks.latest_of_each_state().values_list(self.parameter_name, flat=True).distinct()
        chosen = request.GET.get(self.parameter_name)
        return [(value, value) for value in sorted({*seen, *([chosen] if chosen else [])})]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Return the tasks with the chosen value."""
        chosen = self.value()
        return queryset.filter(**{self.parameter_name: chosen}) if chosen else queryset


class NameFilter(SeenFilter):
    """Filters by name."""

    title = _("name")
    parameter_name = "name"


class QueueFilter(SeenFilter):
    """Filters by queue."""

    title = _("queue")
    parameter_name = "queue"


class EngineFilter(SeenFilter):
    """Filters by framework."""

    title = _("engine")
    parameter_name = "engine"
