"""Beat's schedulers: they mark every tick, for its health check, and send only while they hold beat's lease."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from celery.beat import Scheduler

from landfast_runtime.worker import lease
from landfast_runtime.worker.beat import MARK
from landfast_runtime.worker.config import worker_settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

log = logging.getLogger(__name__)

#: Seconds until a beat without the lease tries again to take it.
RETRY = 1.0


class Ticking:
    """A mixin that marks each tick, and sends nothing without the lease; it precedes the scheduler's own class."""

    _lease: lease.Lease | None = None
    _asked = False

    def tick(self, *args: Any, **kwargs: Any) -> float:  # noqa: ANN401 - Celery's own signature
        """Send due tasks if this beat has its lease, leave the mark, and return the seconds until the next tick."""
        wait: float = super().tick(*args, **kwargs) if self.may_send() else RETRY  # type: ignore[misc]  # the scheduler's
        MARK.touch()
        return wait

    def may_send(self) -> bool:
        """Return whether this beat has its lease; if it is free, take it. Without a database every beat may send."""
        own = self._own_lease()
        return own is None or own.held()

    def apply_async(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as above
        """Send a task within the lease's transaction: if another beat has taken the lease, nothing is sent."""
        with self.sending():
            return super().apply_async(*args, **kwargs)  # type: ignore[misc]  # as above

    def sending(self) -> AbstractContextManager[None]:
        """Return the lease's transaction; an empty context if there is no lease."""
        own = self._own_lease()
        return own.sending() if own else nullcontext()

    def taken(self, another: bool) -> None:  # noqa: FBT001 - the only argument of a callback
        """Prepare for sending, after the lease was taken.

        Args:
            another: whether another beat has had the lease since this one had it, or since this one began.
        """

    def close(self) -> None:
        """Close the scheduler, and let another beat take over at once."""
        super().close()  # type: ignore[misc]  # as above
        if self._lease:
            self._lease.release()

    def _own_lease(self) -> lease.Lease | None:
        if not self._asked:
            self._asked = True
            name = f"{worker_settings().service}/{self.app.main}"  # type: ignore[attr-defined]  # the scheduler's
            self._lease = lease.make(name, self.taken)
            if self._lease is None:
                log.warning("no lease: two beats would both send (landfast_outbox has leases, for durable tasks)")
        return self._lease


class TickingScheduler(Ticking, Scheduler):
    """Takes its timetable from ``beat_schedule`` in the code, and stores nothing: intervals begin anew with beat."""

    def taken(self, another: bool) -> None:  # noqa: FBT001 - as above
        """Begin all intervals anew if another beat has sent meanwhile: nobody knows when it sent."""
        if another:
            self.schedule.clear()
            self.setup_schedule()
            self._heap = None
