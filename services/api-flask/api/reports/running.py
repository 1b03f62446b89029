"""Making a report, in a worker.

A task may run more than once: its worker can die, and the broker then delivers it to another. So a run begins from the
start, owns the report by the number of its attempt, and writes only while it finds that number and the state unchanged.
If the report was cancelled, taken over by another run, or deleted with its dataset, the run therefore stops at its next
part; two runs never mix their results.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from api.background import engine as background_engine
from api.datasets.columns import Column, parse
from api.datasets.models import Dataset, DatasetPart
from api.reports import low_priority
from api.reports.aggregation import Aggregation, TooManyGroupsError
from api.reports.charts import png
from api.reports.definition import Definition, DefinitionError
from api.reports.models import FINAL, Report, State

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

#: The most attempts at a report: one that kills its worker each time must not go on killing workers.
ATTEMPTS = 5

#: The share of progress for the chart and the result, in per cent.
_RESERVED = 2


class ReportMissingError(LookupError):
    """The report does not exist, or not yet: the task may overtake the transaction that sent it."""


class _StoppedError(Exception):
    """This run no longer owns the report."""


@dataclass(frozen=True)
class Job:
    """One run of a report."""

    id: uuid.UUID
    attempt: int
    dataset_id: uuid.UUID
    dataset_name: str
    parts: int
    columns: tuple[Column, ...]
    definition: Definition


def run_report(report_id: str | uuid.UUID, engine: Engine | None = None) -> None:
    """Make a report; repeated and simultaneous runs are safe.

    Args:
        report_id: the report's id.
        engine: the database; the worker's own by default.

    Raises:
        ReportMissingError: the report does not exist (yet).
        ConnectionError: the database went away; the task is to be retried.
    """
    engine = engine or background_engine()
    try:
        job = _begin(engine, uuid.UUID(str(report_id)))
        if job is None:
            return
        try:
            _make(engine, job)
        except _StoppedError:
            logger.info("report stopped", extra={"report": str(job.id), "attempt": job.attempt})
        except (TooManyGroupsError, DefinitionError) as error:
            _fail(engine, job, str(error))
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("report failed", extra={"report": str(job.id)})
            _fail(engine, job, "an internal error; it has been logged")
    except (OperationalError, InterfaceError) as error:
        raise ConnectionError("the database went away while a report was made") from error


def _begin(engine: Engine, report_id: uuid.UUID) -> Job | None:
    """Take the report over; return None if there is nothing to do."""
    with Session(engine) as session, session.begin():
        report = session.get(Report, report_id, with_for_update=True)
        if report is None:
            raise ReportMissingError(f"there is no report {report_id}")
        if report.state in FINAL:
            return None
        if report.attempt >= ATTEMPTS:
            report.state = State.FAILED
            report.problem = f"it was begun {ATTEMPTS} times, and each time its worker stopped before the end"
            report.finished_at = func.now()
            return None
        report.state, report.progress = State.RUNNING, 0
        report.attempt += 1
        report.started_at = func.now()
        dataset = session.get_one(Dataset, report.dataset_id)
        return Job(
            id=report.id,
            attempt=report.attempt,
            dataset_id=dataset.id,
            dataset_name=dataset.name,
            parts=dataset.parts,
            columns=parse(dataset.columns),
            definition=Definition(**report.definition),
        )


def _make(engine: Engine, job: Job) -> None:
    job.definition.check(job.columns)
    result, chart = low_priority.in_background(lambda: _figures_and_chart(engine, job))
    with Session(engine) as session, session.begin():
        _write(session, job, state=State.SUCCEEDED, progress=100, result=result, chart=chart, finished_at=func.now())


def _figures_and_chart(engine: Engine, job: Job) -> tuple[dict[str, Any], bytes]:
    aggregation = Aggregation(job.definition, job.columns)
    for rows in _parts(engine, job):
        aggregation.add(rows)
    result = aggregation.result()
    measure, value = job.definition.measure, job.definition.value
    figure = "number of rows" if value is None else f"{measure} of {value}"
    title = f"{job.dataset_name}: {figure} by {job.definition.period or job.definition.group_by}"
    kinds = {column.name: column.type for column in job.columns}
    return result, png(result, title, ordered=kinds[job.definition.group_by] != "text")


def _parts(engine: Engine, job: Job) -> Iterator[list[list[str | None]]]:
    """Yield the dataset's parts; in between, no transaction is open, and progress and cancellation are handled."""
    told = 0
    for number in range(job.parts):
        percent = number * (100 - _RESERVED) // job.parts
        with low_priority.turn():
            with Session(engine) as session, session.begin():
                if percent > told:
                    _write(session, job, progress=percent)
                    told = percent
                else:
                    _ask(session, job)
                part = select(DatasetPart.rows).where(
                    DatasetPart.dataset_id == job.dataset_id, DatasetPart.number == number
                )
                rows = session.scalar(part)
            if rows is None:
                raise _StoppedError  # the dataset was deleted at this very moment
            yield rows


def _ask(session: Session, job: Job) -> None:
    ours = select(Report.id).where(Report.id == job.id, Report.attempt == job.attempt, Report.state == State.RUNNING)
    if session.scalar(ours) is None:
        raise _StoppedError


def _write(session: Session, job: Job, **values: Any) -> None:  # noqa: ANN401 - values of columns
    """Change the report if this run still owns it.

    Raises:
        _StoppedError: this run no longer owns it.
    """
    ours = update(Report).where(Report.id == job.id, Report.attempt == job.attempt, Report.state == State.RUNNING)
    if session.scalar(ours.values(**values).returning(Report.id)) is None:
        raise _StoppedError


def _fail(engine: Engine, job: Job, problem: str) -> None:
    try:
        with Session(engine) as session, session.begin():
            _write(session, job, state=State.FAILED, problem=problem[:500], finished_at=func.now())
    except _StoppedError:
        logger.info("report failed after it had been stopped", extra={"report": str(job.id)})
