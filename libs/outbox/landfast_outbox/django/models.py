"""The table of tasks as a read-only Django model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import timedelta

#: The number of tasks read for each state if no state was chosen: there is an index for each state, none for all.
LATEST = 1000


class State(models.TextChoices):
    """The states of a task."""

    PENDING = "pending", _("pending")
    IN_FLIGHT = "in_flight", _("in flight")
    DONE = "done", _("done")
    DEAD = "dead", _("dead")


#: The order of each state's tasks along its index: the longest waiting or the latest finished task first.
ORDER: dict[str, tuple[str, ...]] = {
    State.PENDING: ("due_at", "sequence"),
    State.IN_FLIGHT: ("published_at",),
    State.DONE: ("-completed_at",),
    State.DEAD: ("-dead_at",),
}


class TaskQuerySet(models.QuerySet["Task"]):
    """Queries of tasks that use an index of the table."""

    def in_state(self, state: str) -> Self:
        """Return the tasks of one state."""
        if state == State.DONE:
            return self.filter(completed_at__isnull=False)
        if state == State.DEAD:
            return self.filter(dead_at__isnull=False)
        undecided = self.filter(completed_at__isnull=True, dead_at__isnull=True)
        return undecided.filter(published_at__isnull=state == State.PENDING)

    def latest_of_each_state(self) -> Self:
        """Return the first tasks of each state's list."""
        parts = [Task.objects.in_state(state).order_by(*order).values("pk")[:LATEST] for state, order in ORDER.items()]
        return self.filter(pk__in=parts[0].union(*parts[1:], all=True))


class Task(models.Model):
    """A durable task."""

    id = models.UUIDField(primary_key=True)
    sequence = models.BigIntegerField()
    name = models.TextField(_("name"))
    engine = models.TextField(_("engine"))
    queue = models.TextField(_("queue"))
    headers: models.JSONField[Any, Any] = models.JSONField(_("headers"))
    properties: models.JSONField[Any, Any] = models.JSONField(_("properties"))
    body = models.TextField(_("message"))
    ordered = models.BooleanField(_("in order"))
    created_at = models.DateTimeField(_("written at"))
    due_at = models.DateTimeField(_("due at"))
    published_at = models.DateTimeField(_("published at"), null=True)
    publications = models.IntegerField(_("publications"))
    retries = models.IntegerField(_("retries"))
    deaths = models.IntegerField(_("deaths"))
    completed_at = models.DateTimeField(_("completed at"), null=True)
    dead_at = models.DateTimeField(_("dead since"), null=True)
    result = models.TextField(_("result"), null=True)  # noqa: DJ001 - the table has NULL for none
    error = models.TextField(_("error"), null=True)  # noqa: DJ001 - as above

    objects = TaskQuerySet.as_manager()

    class Meta:
        """The outbox's own migrations create and change the table."""

        managed = False
        db_table = 'outbox"."task'  # Django puts the quotes around it
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        default_permissions = ("view",)
        permissions = (
            ("redrive_task", "Can give dead letters another chance"),
            ("discard_task", "Can give tasks up"),
        )

    def __str__(self) -> str:
        """Return the task's name and id."""
        return f"{self.name} {self.id}"

    @property
    def state(self) -> State:
        """The task's state."""
        if self.dead_at is not None:
            return State.DEAD
        if self.completed_at is not None:
            return State.DONE
        return State.PENDING if self.published_at is None else State.IN_FLIGHT

    @property
    def age(self) -> timedelta:
        """The age of an open task, or the duration of a finished one."""
        return (self.completed_at or timezone.now()) - self.created_at

    @property
    def last_line(self) -> str:
        """The last line of the error, which has the message."""
        return (self.error or "").strip().rpartition("\n")[2]

    @property
    def arguments(self) -> tuple[Any, Any]:
        """The positional and keyword arguments, from a message in Celery's or Dramatiq's format.

        A message of another format is one positional argument: the application chooses the format.
        """
        try:
            message = json.loads(self.body)
        except ValueError:
            return self.body, {}
        match message:
            case {"args": positional, "kwargs": named} | [positional, named, _]:
                return positional, named
            case _:
                return message, {}
