"""Readiness checks: each asks one dependency a real question and raises when the answer is wrong or late.

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

#: What a check found out beside whether its dependency serves, by name; shown in the report.
type Details = Mapping[str, float]
Check = Callable[[], Details | None]

#: Seconds that a single check may wait for its dependency. libpq knows no connect timeout below 2.
CHECK_TIMEOUT = 2.0

#: Free bytes of a disk below which it counts as full: where RabbitMQ stops taking messages (disk_free_limit). Of a
#: small disk, a twentieth.
FULL_BELOW, FULL_SHARE = 256 << 20, 20

#: The exchange of RabbitMQ that health checks publish to; no queue is bound to it. (images/rabbitmq/definitions.json)
HEALTH_EXCHANGE = "health"


class Unavailable(Exception):  # noqa: N818 - names the state that a check found, not a programming error
    """A dependency answered, but not as it should; the message says how.

    Args:
        problem: the message.
        details: what else was found out.
    """

    def __init__(self, problem: str, details: Details | None = None) -> None:
        super().__init__(problem)
        self.details = details


class Impaired(Unavailable):
    """A dependency serves, and something about it wants a person: the report stays ready and carries a warning."""


@dataclass(frozen=True)
class Result:
    """The finding of one check.

    Args:
        milliseconds: how long it took.
        problem: what is wrong, if the dependency does not serve.
        details: what else the check told.
        warning: what wants a person though the dependency serves.
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
        """The names of the dependencies that do not serve, in the order in which they were asked for."""
        return [name for name, result in self.results.items() if result.problem is not None]

    @property
    def warnings(self) -> list[str]:
        """The names of the dependencies that serve and want a person all the same."""
        return [name for name, result in self.results.items() if result.warning is not None]

    @property
    def ready(self) -> bool:
        """Whether every dependency serves."""
        return not self.failing

    def as_dict(self) -> dict[str, Any]:
        """Return the document that ``/readyz`` answers with."""
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


def run(checks: Mapping[str, Check], timeout: float = CHECK_TIMEOUT + 0.5) -> Report:
    """Run all checks at once and return what they found.

    Args:
        checks: a callable for each dependency; it returns when the dependency serves and raises otherwise.
        timeout: seconds after which a check that has not returned counts as failed; its thread is left to itself.
    """
    results: dict[str, Result] = {}
    started = time.monotonic()

    def record(name: str, check: Check) -> None:
        problem, details, warning = None, None, None
        try:
            details = check()
        except Impaired as found:
            warning, details = str(found), found.details
        except Exception as error:  # noqa: BLE001 - whatever a client library raises, the dependency does not serve
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
    """Return an error's type and first line: enough to act on, without a client library's whole essay."""
    if "name resolution" in str(error) or "Name or service not known" in str(error):
        return "nothing answers to its name: it does not run"
    lines = str(error).strip().splitlines()
    described = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    lack = None if isinstance(error, Unavailable) else shortage(error)
    return f"its {lack} is full: {described}" if lack else described


def _milliseconds_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)


def postgres(settings: Postgres) -> Check:
    """Return a check that logs in to PostgreSQL and asks for the room on its disk: queries are answered on a full one.

    A server without the function of ours (images/postgres/roles.sql) is asked for life alone.
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
    """Return how much room a disk has.

    Args:
        free: bytes that the server may still write.
        size: bytes of the whole disk.

    Raises:
        Unavailable: it is full, or nearly so.
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
            client.set(f"{settings.user}:health", "1", ex=60)  # users have the keys that begin with their names

    return check


def rabbitmq(settings: RabbitMQ) -> Check:
    """Return a check that has RabbitMQ confirm a message which reaches nobody: while an alarm is on, it takes none."""

    def check() -> None:
        from amqp import Message  # noqa: PLC0415 - comes with Celery

        from landfast_runtime.broker import channel as open_channel  # noqa: PLC0415 - likewise

        alarms: list[str] = []
        confirmed: list[int] = []
        with open_channel(settings, CHECK_TIMEOUT, on_blocked=alarms.append) as channel:
            channel.confirm_select()
            channel.events["basic_ack"].add(lambda tag, _multiple: confirmed.append(tag))
            # Not empty: blocked, RabbitMQ says so at a message's header, and reads no body that it could confirm.
            channel.basic_publish(Message(b"health"), exchange=HEALTH_EXCHANGE)
            while not confirmed and not alarms:
                channel.connection.drain_events(timeout=CHECK_TIMEOUT)
            if alarms:
                channel.connection.collect()  # to say goodbye would be to wait: it reads no more of this connection
        if alarms:
            lack = lacking(alarms[0])
            what = f"its {lack} is full" if lack else "an alarm is on"
            raise Unavailable(f"{what}: it takes no messages ({alarms[0]})")

    return check


def consumers(settings: RabbitMQ, queue: str = "tasks") -> Check:
    """Return a check that fails while nobody consumes ``queue``: tasks would be accepted and then wait."""

    def check() -> None:
        from landfast_runtime.broker import channel as open_channel  # noqa: PLC0415 - its client comes with Celery

        with asked_through("RabbitMQ"), open_channel(settings, CHECK_TIMEOUT) as channel:
            consumers = channel.queue_declare(queue, passive=True).consumer_count
        if consumers == 0:
            raise Unavailable(f"no worker consumes the queue {queue!r}")

    return check


@contextmanager
def asked_through(server: str) -> Iterator[None]:
    """Say that a dependency cannot be asked, where only the server fails that knows of it.

    Args:
        server: its name, for people.

    Raises:
        Unavailable: the server failed; or the body found that a dependency does not serve.
    """
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        raise Unavailable(f"cannot be asked, {server} fails: {_describe(error)}") from error


def http(host: str, port: int, path: str, *, redirects: bool = False) -> Check:
    """Return a check that asks an HTTP server for ``path`` and wants a 2xx answer.

    Args:
        host: its name.
        port: where it listens.
        path: the page.
        redirects: whether an answer that sends visitors on will do as well.
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
