"""A full server is distinguished from one that is away, however a library wraps its message."""

from __future__ import annotations

import psycopg
import pytest
import redis.exceptions
import sqlalchemy.exc
from landfast_runtime.shortage import lacking, outage, shortage

FULL = psycopg.errors.DiskFull('could not extend file "base/16384/16411": No space left on device\nHINT: …')


def raised_from(cause: Exception) -> Exception:
    """Return an error in Django's form: its own class, with the driver's error as its cause."""
    error = RuntimeError("could not save")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "lack"),
    [
        (FULL, "disk"),
        (psycopg.errors.DiskFull("words in a language that nobody foresaw"), "disk"),
        (psycopg.errors.OutOfMemory("out of memory"), "memory"),
        (sqlalchemy.exc.OperationalError("INSERT …", {}, psycopg.errors.DiskFull("full")), "disk"),
        (raised_from(psycopg.errors.DiskFull("full")), "disk"),
        (raised_from(raised_from(psycopg.errors.DiskFull("full"))), "disk"),
        (redis.exceptions.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), "disk"),
        (redis.exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots, but it's unable"), "disk"),
        (redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "memory"),
        (redis.exceptions.ResponseError("OOM command not allowed when used memory > 'maxmemory'."), "memory"),
        (OSError(28, "No space left on device"), "disk"),
        (psycopg.OperationalError("connection refused"), None),
        (redis.exceptions.ConnectionError("the disk is on fire"), None),
    ],
)
def test_it_tells_what_is_full(error: Exception, lack: str | None) -> None:
    assert shortage(error) == lack


@pytest.mark.parametrize(
    ("reason", "lack"),
    [("low on disk", "disk"), ("low on memory", "memory"), ("low on memory & disk", "disk"), ("", None)],
)
def test_it_reads_the_alarms_of_rabbitmq(reason: str, lack: str | None) -> None:
    assert lacking(reason) == lack


def test_errors_that_name_each_other_come_to_an_end() -> None:
    one, two = RuntimeError("one"), RuntimeError("two")
    one.__cause__, two.__cause__ = two, one

    assert shortage(one) is None


def test_an_outage_names_the_disk_or_says_that_nobody_answers() -> None:
    assert outage("postgres", FULL) == "the disk of postgres is full"
    assert outage("postgres", psycopg.OperationalError("refused")) == "postgres does not answer"
