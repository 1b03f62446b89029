"""Dead letters on the command line: ``python -m landfast_outbox dead`` lists, shows, re-drives and deletes them."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from landfast_runtime.connections import Postgres
from landfast_runtime.env import load
from landfast_runtime.shortage import outage

from landfast_outbox import store
from landfast_outbox.databases import connect
from landfast_outbox.store import census

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg import Connection

    from landfast_outbox.store import DeadLetter

#: Dead letters that one statement re-drives or deletes, and that a list shows unless it is asked for more.
BATCH = 1000
SHOWN = 50

#: The exit status: done; nothing was found, or not all that was named; the command was wrong; the database is away.
DONE, NOT_FOUND, USAGE, AWAY = 0, 1, 2, 69

COLUMNS = ("ID", "DEAD SINCE", "NAME", "QUEUE", "RETRIES", "DEATHS", "ERROR")


def row(letter: DeadLetter) -> tuple[str, ...]:
    """Return a dead letter as a row of the table."""
    since = letter.dead_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    last = letter.error.strip().rpartition("\n")[2]
    return (str(letter.id), since, letter.name, letter.queue, str(letter.retries), str(letter.deaths), last)


def page(letter: DeadLetter) -> str:
    """Return all of a dead letter."""
    lines = [
        ("id", letter.id),
        ("name", letter.name),
        ("engine", letter.engine),
        ("queue", letter.queue),
        ("written at", letter.created_at.astimezone(UTC).isoformat(timespec="seconds")),
        ("dead since", letter.dead_at.astimezone(UTC).isoformat(timespec="seconds")),
        ("publications", letter.publications),
        ("retries", letter.retries),
        ("deaths", letter.deaths),
        ("message", json.dumps(json.loads(letter.body), ensure_ascii=False)),
    ]
    return "\n".join(f"{name:<13} {value}" for name, value in lines) + f"\n\n{letter.error.rstrip()}"


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    root = argparse.ArgumentParser(prog="python -m landfast_outbox", description="Look after durable tasks.")
    dead = root.add_subparsers(required=True, metavar="dead").add_parser("dead", help="dead letters")
    filters = argparse.ArgumentParser(add_help=False)
    filters.add_argument("--name", default="", help="those whose name holds this")
    filters.add_argument("--error", default="", help="those whose error or traceback holds this")
    commands = dead.add_subparsers(dest="command", metavar="list|show|redrive|delete")
    listing = commands.add_parser("list", parents=[filters], help="show them, the oldest first")
    listing.add_argument("--limit", type=_positive, default=SHOWN, help=f"how many at most ({SHOWN})")
    listing.set_defaults(run=show_list)
    one = commands.add_parser("show", help="show one with its arguments and its traceback")
    one.add_argument("id", type=UUID)
    one.set_defaults(run=show)
    chosen = argparse.ArgumentParser(add_help=False, parents=[filters])
    chosen.add_argument("ids", nargs="*", type=UUID, metavar="ID")
    chosen.add_argument("--all", action="store_true", help="all that the filters fit; without filters, all there are")
    again = commands.add_parser("redrive", parents=[chosen], help="give them another chance from the start")
    again.set_defaults(run=redrive)
    gone = commands.add_parser("delete", parents=[chosen], help="delete them for good")
    gone.set_defaults(run=delete)
    dead.set_defaults(run=show_list, name="", error="", limit=SHOWN)
    return root


def show_list(connection: Connection[Any], options: argparse.Namespace) -> int:
    """Print the dead letters that fit, as a table."""
    total = census.counts(connection).dead
    ids = store.find_dead(connection, _filters(options), options.limit)
    letters = store.read_dead(connection, ids)
    if letters:
        for line in table([COLUMNS, *(row(letter) for letter in letters)]):
            print(line)
    print(f"{len(letters)} shown, {total} dead letters in all")
    return DONE


def show(connection: Connection[Any], options: argparse.Namespace) -> int:
    """Print one dead letter."""
    letters = store.read_dead(connection, [options.id])
    if not letters:
        print(f"there is no dead letter {options.id}", file=sys.stderr)
        return NOT_FOUND
    print(page(letters[0]))
    return DONE


def redrive(connection: Connection[Any], options: argparse.Namespace) -> int:
    """Give dead letters another chance: those that are named, or all that the filters fit."""
    return _change(connection, options, store.redrive, "re-driven")


def delete(connection: Connection[Any], options: argparse.Namespace) -> int:
    """Delete dead letters for good: those that are named, or all that the filters fit."""
    return _change(connection, options, store.delete_dead, "deleted")


def _change(
    connection: Connection[Any],
    options: argparse.Namespace,
    change: Callable[[Connection[Any], Sequence[UUID]], int],
    changed: str,
) -> int:
    if options.ids:
        count = change(connection, options.ids)
        print(f"{count} {changed}")
        if missing := len(set(options.ids)) - count:
            print(f"{missing} of those named are no dead letters", file=sys.stderr)
        return NOT_FOUND if missing else DONE
    count = sum(change(connection, ids) for ids in _batches(connection, options))
    print(f"{count} {changed}")
    return DONE if count else NOT_FOUND


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines whose columns stand below each other."""
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]) - 1)]
    return [
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1])) for row in rows
    ]


def _batches(connection: Connection[Any], options: argparse.Namespace) -> Iterator[list[UUID]]:
    """Yield what is dead now; what dies again meanwhile waits for the next command."""
    limit = census.counts(connection, exact=1_000_000_000).dead
    ids = store.find_dead(connection, _filters(options), limit) if limit else []
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _filters(options: argparse.Namespace) -> dict[str, str]:
    return {"name": options.name, "error": options.error}


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def main(arguments: Sequence[str], open_connection: Callable[[], Connection[Any]] | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        arguments: what follows the module's name.
        open_connection: how to reach the database; as the environment says unless given.
    """
    reading = parser()
    options = reading.parse_args(list(arguments))
    if options.run in {redrive, delete}:
        chosen = bool(options.name or options.error or options.all)
        if not options.ids and not chosen:
            reading.error(f"{options.command} wants ids, --name, --error, or --all for every dead letter there is")
        if options.ids and chosen:
            reading.error(f"{options.command} takes either ids or filters")
    try:
        with (open_connection or _connect)() as connection:
            status: int = options.run(connection, options)
    except psycopg.OperationalError as error:
        print(f"{outage('the database', error)}: {error}", file=sys.stderr)
        return AWAY
    return status


def _connect() -> Connection[Any]:
    return connect(load("outbox", Postgres.from_env), "outbox-command")
