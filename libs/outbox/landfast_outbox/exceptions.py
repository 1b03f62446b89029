"""Exceptions that end a run without a result, in terms that every framework has; adapters translate both ways."""

from __future__ import annotations


class ControlError(BaseException):
    """Ends a run without a failure: neither a body's ``except Exception`` nor a framework's retries catch it."""


class IgnoreError(ControlError):
    """There is nothing to run; or a body requests a silent end: then the task is done, without a result."""


class OvertakenError(IgnoreError):
    """Another run has completed the task; the effect of this run must not commit, and the task is not retried."""


class RejectError(ControlError):
    """A body rejects the message.

    Args:
        reason: the reason.
        requeue: whether the broker is to deliver it again; otherwise the task is a dead letter.
    """

    def __init__(self, reason: str | Exception | None = None, *, requeue: bool = False) -> None:
        super().__init__(reason, requeue)
        self.reason = reason
        self.requeue = requeue


class RetryError(ControlError):
    """The task runs again later; the row has the time.

    Args:
        error: the reason; None if it is unknown.
        wait: seconds until then, if the body has not requested it.
    """

    def __init__(self, error: Exception | None = None, wait: float = 0.0) -> None:
        super().__init__(error, wait)
        self.error = error
        self.wait = wait


class PoisonError(Exception):
    """Each run of the task ended with its worker; the task is a dead letter."""


class UncertainError(Exception):
    """An earlier run passed its point of no return and did not finish: the task does not run again."""
