"""Readiness checks: each sends one dependency a real request, and raises when the reply is wrong or late.

Checks run side by side, so a page that reports six dependencies takes as long as the slowest, never longer than
the deadline.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from landfast_runtime.shortage import lacking, shortage

if TYPE_CHECKING:
    from landfast_runtime.connections import Postgres, RabbitMQ, Redis

#: Further findings of a check, by name; shown in the report.
type Details = Mapping[str, float]
Check = Callable[[], Details | None]

#: Seconds that a single check may wait for its dependency. libpq's shortest connect timeout is 2.
CHECK_TIMEOUT = 2.0

#: Free bytes of a disk below which it counts as full: RabbitMQ's limit for accepting messages (disk_free_limit). For a
#: small disk it is a twentieth of the size.
FULL_BELOW, FULL_SHARE = 256 << 20, 20

#: The exchange of RabbitMQ that health checks publish to; no queue is bound to it. (images/rabbitmq/definitions.json)
HEALTH_EXCHANGE = "health"


class Unavailable(Exception):  # noqa: N818 - names the state that a check found, not a programming error
    """A dependency does not serve; the message has the reason.

    Args:
        problem: the message.
        details: further findings.
    """

    def __init__(self, problem: str, details: Details | None = None) -> None:
        super().__init__(problem)
        self.details = details


class Impaired(Unavailable):
    """A dependency serves, but needs an operator's attention: the report stays ready and has a warning."""


@dataclass(frozen=True)
class Result:
    """The result of one check.

    Args:
        milliseconds: the check's duration.
        problem: the reason if the dependency does not serve.
        details: further findings of the check.
        warning: a problem that needs an operator although the dependency serves.
    """

    milliseconds: float
    problem: str | None = None
    details: Details | None = None
    warning: str | None = None


@dataclass(frozen=True)
class Report:
    """The results of all checks, by dependency."""

    results: Mapping[str, Result]

    @property
    def failing(self) -> list[str]:
        """The names of the dependencies that do not serve, in the order of the checks."""
        return [name for name, result in self.results.items() if result.problem is not None]

    @property
    def warnings(self) -> list[str]:
        """The names of the dependencies that serve, but need an operator."""
        return [name for name, result in self.results.items() if result.warning is not None]

    @property
    def ready(self) -> bool:
        """Whether every dependency serves."""
        return not self.failing

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON document of ``/readyz``."""
        dependencies: dict[str, dict[str, Any]] = {}
        for name, result in self.results.items():
            dependencies[name] = {"ok": result.problem is None, "milliseconds": result.milliseconds}
            if result.problem is not None:
                dependencies[name]["problem"] = result.problem
            if result.warning is not None:
                dependencies[name]["warning"] = result.warning
            dependencies[name].update(result.details or {})
        return {
            "status": "ready" if self.ready else "unavailable",
            "failing": self.failing,
            "warnings": self.warnings,
            "dependencies": dependencies,
        }


def run(checks: Mapping[str, Check], timeout: float | None = None) -> Report:
    """Run all checks at once and return their results.

    Args:
        checks: a callable for each dependency; it returns when the dependency serves and raises otherwise.
        timeout: seconds after which a check that has not returned counts as failed; its thread is abandoned. By
            default a little longer than :data:`CHECK_TIMEOUT`.
    """
    if timeout is None:
        timeout = CHECK_TIMEOUT + 0.5
    results: dict[str, Result] = {}
    started = time.monotonic()

    def record(name: str, check: Check) -> None:
        problem, details, warning = None, None, None
        try:
            details = check()
        except Impaired as found:
            warning, details = str(found), found.details
        except Exception as error:  # noqa: BLE001 - after any exception, the dependency does not serve
            problem = _describe(error)
            details = getattr(error, "details", None)
        results[name] = Result(_milliseconds_since(started), problem, details, warning)

    threads = [threading.Thread(target=record, args=item, daemon=True) for item in checks.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, started + timeout - time.monotonic()))
    late = Result(_milliseconds_since(started), f"no answer within {timeout:g} s")
    return Report({name: results.get(name, late) for name in checks})


def _describe(error: Exception) -> str:
    """Return an error's type and first line: enough to act on, without a client library's long text."""
    if "name resolution" in str(error) or "Name or service not known" in str(error):
        return "its name does not resolve: it does not run"
    lines = str(error).strip().splitlines()
    described = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    lack = None if isinstance(error, Unavailable) else shortage(error)
    return f"its {lack} is full: {described}" if lack else described


def _milliseconds_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)


def postgres(settings: Postgres) -> Check:
    """Return a check that logs in to PostgreSQL and reads the free space on its disk: a full one still serves queries.

    On a server without our function (images/postgres/roles.sql), the check only logs in.
    """

    def check() -> Details | None:
        import psycopg  # noqa: PLC0415 - only services that use PostgreSQL install it

        with psycopg.connect(
            **settings.parameters,
            connect_timeout=int(CHECK_TIMEOUT),
        ) as connection:
            known = connection.execute("SELECT to_regprocedure('public.landfast_disk()')").fetchone()
            if known is None or known[0] is None:
                return None
            row = connection.execute("SELECT free, size FROM public.landfast_disk()").fetchone()
        return judge_disk(*row) if row else None

    return check


def judge_disk(free: int, size: int) -> Details:
    """Return the free space of a disk.

    Args:
        free: bytes that the server may still write.
        size: bytes of the whole disk.

    Raises:
        Unavailable: the disk is full, or nearly full.
    """
    details: Details = {"disk_free_mb": free >> 20, "disk_size_mb": size >> 20}
    if free < min(FULL_BELOW, size // FULL_SHARE):
        raise Unavailable(f"its disk is full: {free >> 20} MB of {size >> 20} MB are free", details)
    return details


def redis(settings: Redis) -> Check:
    """Return a check that logs in to Redis and writes a key, so that a full or read-only server fails it."""

    def check() -> None:
        from redis import Redis as Client  # noqa: PLC0415 - only services that use Redis install it

        with Client.from_url(
            settings.url, socket_timeout=CHECK_TIMEOUT, socket_connect_timeout=CHECK_TIMEOUT
        ) as client:
            client.set(f"{settings.user}:health", "1", ex=60)  # users may access the keys that begin with their names

    return check


def rabbitmq(settings: RabbitMQ) -> Check:
    """Return a check that has RabbitMQ confirm an unrouted message: during an alarm, RabbitMQ accepts none."""

    def check() -> None:
        from amqp import Message  # noqa: PLC0415 - comes with Celery

        from landfast_runtime.broker import channel as open_channel  # noqa: PLC0415 - likewise

        alarms: list[str] = []
        confirmed: list[int] = []
        with open_channel(settings, CHECK_TIMEOUT, on_blocked=alarms.append) as channel:
            channel.confirm_select()
            channel.events["basic_ack"].add(lambda tag, _multiple: confirmed.append(tag))
            # Not empty: a blocked RabbitMQ reports that at a message's header, and reads no body that it could confirm.
            channel.basic_publish(Message(b"health"), exchange=HEALTH_EXCHANGE)
            while not confirmed and not alarms:
                channel.connection.drain_events(timeout=CHECK_TIMEOUT)
            if alarms:
                channel.connection.collect()  # a closing handshake would hang: RabbitMQ reads no more of it
        if alarms:
            lack = lacking(alarms[0])
            what = f"its {lack} is full" if lack else "an alarm is on"
            raise Unavailable(f"{what}: it accepts no messages ({alarms[0]})")

    return check


def consumers(settings: RabbitMQ, queue: str = "tasks") -> Check:
    """Return a check that fails while ``queue`` has no consumer: tasks would be accepted and then wait."""

    def check() -> None:
        from landfast_runtime.broker import channel as open_channel  # noqa: PLC0415 - its client comes with Celery

        with asked_through("RabbitMQ"), open_channel(settings, CHECK_TIMEOUT) as channel:
            consumers = channel.queue_declare(queue, passive=True).consumer_count
        if consumers == 0:
            raise Unavailable(f"no worker consumes the queue {queue!r}")

    return check


@contextmanager
def asked_through(server: str) -> Iterator[None]:
    """Report that a dependency cannot be checked, if only the server that knows its state fails.

    Args:
        server: the server's name for the message.

    Raises:
        Unavailable: the server failed; or the body found that a dependency does not serve.
    """
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        raise Unavailable(f"cannot be checked, {server} fails: {_describe(error)}") from error


def http(host: str, port: int, path: str, *, redirects: bool = False) -> Check:
    """Return a check that requests ``path`` from an HTTP server and expects a 2xx response.

    Args:
        host: the server's name.
        port: the server's port.
        path: the page's path.
        redirects: whether a redirect counts as success.
    """
    failing = HTTPStatus.BAD_REQUEST if redirects else HTTPStatus.MULTIPLE_CHOICES

    def check() -> None:
        connection = HTTPConnection(host, port, timeout=CHECK_TIMEOUT)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            if not HTTPStatus.OK <= response.status < failing:
                said = response.read(80).decode(errors="replace").strip()
                raise Unavailable(f"{path} answered {response.status}: {said}")
        finally:
            connection.close()

    return check
