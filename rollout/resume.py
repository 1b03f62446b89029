"""Ends the changes that a restart of this manager interrupted; a systemd unit runs this at each boot."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from rollout import shared
from rollout.change import read_options, recover, release_of
from rollout.engine import Engine
from rollout.errors import RolloutError
from rollout.follow import is_active
from rollout.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from rollout.change import Options
    from rollout.records import Records

#: Seconds in which a majority of managers must be there: after a power cut all of them start.
PATIENCE = 3600.0


def resume(records: Records, report: Callable[[str], None], engine: Engine | None = None) -> bool:
    """Restore the current release if a restart interrupted a change, and record it.

    Args:
        records: the records of releases.
        report: reports progress.
        engine: Docker; by default one that is waited for.

    Returns:
        Whether there was nothing to do.
    """
    interrupted = [result for result in unended(records) if not is_active(f"landfast-{result.path.stem}")]
    for result in interrupted:
        end(engine or Engine(PATIENCE), records, result, report)
    return not interrupted


def unended(records: Records) -> list[Result]:
    """Return the results of programs that have not reached their end, oldest first."""
    results = [Result(path) for path in sorted(records.folder.glob("run-*.result"))]
    return [result for result in results if not result.ended]


def end(engine: Engine, records: Records, result: Result, report: Callable[[str], None]) -> None:
    """End one interrupted change: restore the current release, unless another manager has gone on since.

    Args:
        engine: Docker.
        records: the records of releases.
        result: the result of the change.
        report: reports progress, and an error.
    """
    path = result.path.with_suffix(".json")
    reason = f"{socket.gethostname()} restarted in the middle"
    try:
        options, document = read_options(path), shared.pull(engine, records)
        if document.number and (document.run is None or document.run.id != path.stem):
            superseded(engine, records, result, options, reason, report)
        else:
            recover(engine, records, options, path, report, reason)
    except RolloutError as error:
        report(f"{path.stem}: {error}")


def superseded(
    engine: Engine,
    records: Records,
    result: Result,
    options: Options,
    reason: str,
    report: Callable[[str], None],
) -> None:
    """Record that a change was interrupted, and that another manager has changed the cluster since."""
    outcome = f"{reason}; another manager has changed the cluster since"
    record = records.log(
        what=options["what"], release=release_of(records, options), who=options["who"],
        outcome=f"FAILED ({outcome})", seconds=0,
    )  # fmt: skip
    report(record)
    shared.share(engine, records, report)
    result.write(RolloutError(outcome), (), record)
