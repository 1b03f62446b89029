"""Dead letters on the command line: ``python -m landfast_outbox dead`` lists, shows, re-drives and deletes them."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from landfast_runtime.env import load
from landfast_runtime.shortage import outage

from landfast_outbox import store
from landfast_outbox.databases import connect
from landfast_outbox.settings import databases_from_env
from landfast_outbox.store import census

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg import Connection

    from landfast_outbox.store import DeadLetter

#: The number of dead letters that one statement re-drives or deletes, and the default length of a list.
BATCH = 1000
SHOWN = 50

#: Exit statuses: done; nothing or not everything was found; wrong usage; a database is away.
DONE, NOT_FOUND, USAGE, AWAY = 0, 1, 2, 69

#: Advice for a database without tables of tasks.
MIGRATE = "migrate-outbox makes its tables and rights: ./stack up, on servers a deploy"

COLUMNS = ("ID", "DEAD SINCE", "DATABASE", "NAME", "QUEUE", "RETRIES", "DEATHS", "ERROR")


def row(database: str, letter: DeadLetter) -> tuple[str, ...]:
    """Return a dead letter of a database as a row of the table."""
    since = letter.dead_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    last = letter.error.strip().rpartition("\n")[2]
    counts = str(letter.retries), str(letter.deaths)
    return (str(letter.id), since, database, letter.name, letter.queue, *counts, last)


def page(database: str, letter: DeadLetter) -> str:
    """Return a dead letter of a database in full."""
    lines = [
        ("id", letter.id),
        ("database", database),
        ("name", letter.name),
        ("engine", letter.engine),
        ("queue", letter.queue),
        ("written at", letter.created_at.astimezone(UTC).isoformat(timespec="seconds")),
        ("dead since", letter.dead_at.astimezone(UTC).isoformat(timespec="seconds")),
        ("publications", letter.publications),
        ("retries", letter.retries),
        ("deaths", letter.deaths),
        ("message", _message(letter.body)),
    ]
    return "\n".join(f"{name:<13} {value}" for name, value in lines) + f"\n\n{letter.error.rstrip()}"


def _message(body: str) -> str:
    """Return a JSON message with its characters instead of escapes; a message of another format is unchanged."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except ValueError:
        return body


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    root = argparse.ArgumentParser(prog="python -m landfast_outbox", description="Look after durable tasks.")
    dead = root.add_subparsers(required=True, metavar="dead").add_parser("dead", help="dead letters")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--database", default="", help="only dead letters in this database; by default in all")
    filters = argparse.ArgumentParser(add_help=False, parents=[where])
    filters.add_argument("--name", default="", help="only dead letters whose name contains this text")
    filters.add_argument("--error", default="", help="only dead letters whose error or traceback contains this text")
    commands = dead.add_subparsers(dest="command", metavar="list|show|redrive|delete")
    listing = commands.add_parser("list", parents=[filters], help="show them, the oldest first")
    listing.add_argument("--limit", type=_positive, default=SHOWN, help=f"the most dead letters to show ({SHOWN})")
    listing.set_defaults(run=show_list)
    one = commands.add_parser("show", parents=[where], help="show one with its arguments and its traceback")
    one.add_argument("id", type=UUID)
    one.set_defaults(run=show)
    chosen = argparse.ArgumentParser(add_help=False, parents=[filters])
    chosen.add_argument("ids", nargs="*", type=UUID, metavar="ID")
    chosen.add_argument("--all", action="store_true", help="all that match the filters; without filters, all")
    again = commands.add_parser("redrive", parents=[chosen], help="re-drive them, with their retries at zero")
    again.set_defaults(run=redrive)
    gone = commands.add_parser("delete", parents=[chosen], help="delete them for good")
    gone.set_defaults(run=delete)
    dead.set_defaults(run=show_list, database="", name="", error="", limit=SHOWN)
    return root


def show_list(fan_out: FanOut, options: argparse.Namespace) -> int:
    """Print the dead letters that match the filters, as a table."""

    def found(connection: Connection[Any]) -> tuple[int, Sequence[DeadLetter]]:
        ids = store.find_dead(connection, _filters(options), options.limit)
        return census.counts(connection).dead, store.read_dead(connection, ids)

    answers = fan_out(found)
    letters = [(name, letter) for name, (_, several) in answers.items() for letter in several]
    shown = sorted(letters, key=lambda each: each[1].dead_at)[: options.limit]
    if shown:
        for line in table([COLUMNS, *(row(name, letter) for name, letter in shown)]):
            print(line)
    if answers:
        print(f"{len(shown)} shown, {sum(total for total, _ in answers.values())} dead letters in all")
    return DONE


def show(fan_out: FanOut, options: argparse.Namespace) -> int:
    """Print one dead letter."""
    answers = fan_out(lambda connection: store.read_dead(connection, [options.id]))
    letters = [(name, letter) for name, several in answers.items() for letter in several]
    if not letters:
        print(f"there is no dead letter {options.id}", file=sys.stderr)
        return NOT_FOUND
    print("\n\n".join(page(name, letter) for name, letter in letters))
    return DONE


def redrive(fan_out: FanOut, options: argparse.Namespace) -> int:
    """Re-drive dead letters, by their ids or by filters."""
    return _change(fan_out, options, store.redrive, "re-driven")


def delete(fan_out: FanOut, options: argparse.Namespace) -> int:
    """Delete dead letters for good, by their ids or by filters."""
    return _change(fan_out, options, store.delete_dead, "deleted")


def _change(
    fan_out: FanOut,
    options: argparse.Namespace,
    change: Callable[[Connection[Any], Sequence[UUID]], int],
    changed: str,
) -> int:
    def changes(connection: Connection[Any]) -> int:
        return sum(change(connection, ids) for ids in _batches(connection, options))

    count = sum(fan_out(changes).values())
    print(f"{count} {changed}")
    if options.ids and (missing := len(set(options.ids)) - count) > 0:
        print(f"{missing} of those named are no dead letters", file=sys.stderr)
        return NOT_FOUND
    return DONE if count else NOT_FOUND


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    widths = [max(len(row[number]) for row in rows) for number in range(len(rows[0]) - 1)]
    return [
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1])) for row in rows
    ]


def _batches(connection: Connection[Any], options: argparse.Namespace) -> Iterator[Sequence[UUID]]:
    """Yield the given ids, or those of the present dead letters; a task that dies again waits for the next command."""
    if options.ids:
        yield options.ids
        return
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


class FanOut:
    """Runs a query in each database, and reports those that do not answer.

    Args:
        databases: name -> opens a connection.
    """

    def __init__(self, databases: Mapping[str, Callable[[], Connection[Any]]]) -> None:
        self._databases = databases
        self.away = False

    def __call__[Result](self, query: Callable[[Connection[Any]], Result]) -> dict[str, Result]:
        """Return name -> result, for the databases that answer.

        Args:
            query: runs in one database.
        """
        results = {}
        for name, open_connection in self._databases.items():
            try:
                with open_connection() as connection:
                    results[name] = query(connection)
            except psycopg.OperationalError as error:
                print(f"{outage(f'the database {name}', error)}: {error}", file=sys.stderr)
                self.away = True
            except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege) as error:
                problem = str(error).partition("\n")[0]
                print(f"the database {name} cannot be used: {problem}. {MIGRATE}", file=sys.stderr)
                self.away = True
        return results


def main(arguments: Sequence[str], databases: Mapping[str, Callable[[], Connection[Any]]] | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        arguments: the command line after the module's name.
        databases: name -> connection settings; by default those in the environment.
    """
    reading = parser()
    options = reading.parse_args(list(arguments))
    if options.run in {redrive, delete}:
        chosen = bool(options.name or options.error or options.all)
        if not options.ids and not chosen:
            reading.error(f"{options.command} needs ids, --name, --error, or --all for every dead letter there is")
        if options.ids and chosen:
            reading.error(f"{options.command} takes either ids or filters")
    databases = databases or _databases()
    if options.database:
        if options.database not in databases:
            reading.error(f"no contract names a database {options.database}; there are: {', '.join(databases)}")
        databases = {options.database: databases[options.database]}
    fan_out = FanOut(databases)
    status: int = options.run(fan_out, options)
    return AWAY if fan_out.away else status


def _databases() -> dict[str, Callable[[], Connection[Any]]]:
    return {
        postgres.database: partial(connect, postgres, "outbox-command")
        for postgres in load("outbox", databases_from_env)
    }
