"""What ends a run otherwise than by a result, in terms that every framework has; its adapter translates both ways."""

from __future__ import annotations


class ControlError(BaseException):
    """Ends a run and is no failure of it: neither a body's ``except Exception`` nor a framework's retries catch it."""


class IgnoreError(ControlError):
    """There is nothing to run, or a body wants nobody to be told: then the task is done, without a result."""


class OvertakenError(IgnoreError):
    """Another run of the task has completed it; this one's effect must not commit, and nobody is to retry it."""


class RejectError(ControlError):
    """A body does not want the message.

    Args:
        reason: why.
        requeue: whether the broker is to deliver it again; else the task is a dead letter.
    """

    def __init__(self, reason: str | Exception | None = None, *, requeue: bool = False) -> None:
        super().__init__(reason, requeue)
        self.reason = reason
        self.requeue = requeue


class RetryError(ControlError):
    """The task runs again, later; the row says when.

    Args:
        error: why; None if nobody said.
        wait: seconds until then, where it is not the body that asks for it.
    """

    def __init__(self, error: Exception | None = None, wait: float = 0.0) -> None:
        super().__init__(error, wait)
        self.error = error
        self.wait = wait


class PoisonError(Exception):
    """Each run of the task ended with its worker; the task is a dead letter."""


class UncertainError(Exception):
    """An earlier run passed its point of no return and did not come to its end: another is not begun."""
