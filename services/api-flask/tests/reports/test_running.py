from __future__ import annotations

import fcntl
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from api.background import engine as background_engine
from api.datasets.columns import parse
from api.datasets.loading import load
from api.datasets.models import ROWS_PER_PART, Dataset
from api.datasets.streams import Stream
from api.reports import low_priority, running
from api.reports.aggregation import Aggregation
from api.reports.models import Report, State
from api.reports.running import ATTEMPTS, ReportMissingError, run_report
from sqlalchemy import create_engine, delete, update
from sqlalchemy.orm import Session, undefer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from sqlalchemy import Engine

PARTS = 4
DEFINITION = {"group_by": "city", "value": "amount", "measure": "sum", "period": None}


@pytest.fixture
def dataset(engine: Engine) -> uuid.UUID:
    """A dataset of several parts: in each, half of the rows are Riga's with 1 and half are Oslo's with 2."""
    file = [b"city,amount\n", b"Riga,1\nOslo,2\n" * (PARTS * ROWS_PER_PART // 2)]
    with Session(engine) as session, session.begin():
        columns = parse("city:text,amount:number")
        return load(session, Stream(file), owner=uuid.uuid4(), name="harbours", columns=columns).id


@pytest.fixture
def report(engine: Engine, dataset: uuid.UUID) -> uuid.UUID:
    return request_report(engine, dataset)


def request_report(engine: Engine, dataset: uuid.UUID, **values: Any) -> uuid.UUID:  # noqa: ANN401 - values of columns
    report_id = uuid.uuid4()
    with Session(engine) as session, session.begin():
        session.add(Report(id=report_id, dataset_id=dataset, **{"definition": DEFINITION} | values))
    return report_id


def stored(engine: Engine, report: uuid.UUID) -> Report:
    with Session(engine) as session:
        return session.get_one(Report, report, options=[undefer(Report.result), undefer(Report.chart)])


def change(engine: Engine, report: uuid.UUID, **values: Any) -> None:  # noqa: ANN401 - values of columns
    with Session(engine) as session, session.begin():
        session.execute(update(Report).where(Report.id == report).values(**values))


def meanwhile(monkeypatch: pytest.MonkeyPatch, action: Callable[[int], None]) -> list[int]:
    """Call an action after each part that a run has read; return the list of these parts."""
    read: list[int] = []
    original = Aggregation.add

    def add(self: Aggregation, rows: Iterable[Any]) -> None:
        original(self, rows)
        read.append(len(read))
        action(len(read))

    monkeypatch.setattr(Aggregation, "add", add)
    return read


def test_a_report_has_its_figures_and_a_chart(engine: Engine, report: uuid.UUID) -> None:
    run_report(str(report), engine)

    made = stored(engine, report)
    half = PARTS * ROWS_PER_PART // 2
    assert (made.state, made.progress, made.problem) == (State.SUCCEEDED, 100, None)
    assert made.result is not None
    assert made.result["rows"] == [["Oslo", half, 2 * half, 2, 2, 2], ["Riga", half, half, 1, 1, 1]]
    assert made.chart is not None
    assert made.chart.startswith(b"\x89PNG")
    assert made.started_at is not None
    assert made.finished_at is not None
    assert made.created_at < made.started_at < made.finished_at


def test_progress_moves_while_it_runs(engine: Engine, report: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []
    meanwhile(monkeypatch, lambda _: seen.append((stored(engine, report).state, stored(engine, report).progress)))

    run_report(report, engine)

    assert seen == [(State.RUNNING, progress) for progress in (0, 24, 49, 73)]


def test_a_cancelled_report_stops_at_its_next_part(
    engine: Engine, report: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel(parts: int) -> None:
        if parts == 2:
            change(engine, report, state=State.CANCELLED)

    read = meanwhile(monkeypatch, cancel)
    run_report(report, engine)

    assert len(read) == 2
    made = stored(engine, report)
    assert (made.state, made.result, made.chart) == (State.CANCELLED, None, None)


def test_a_report_that_was_cancelled_in_the_queue_never_runs(
    engine: Engine, report: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = meanwhile(monkeypatch, lambda _: None)
    change(engine, report, state=State.CANCELLED)

    run_report(report, engine)

    assert read == []
    assert stored(engine, report).state == State.CANCELLED


def test_a_report_that_is_done_is_not_made_again(
    engine: Engine, report: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_report(report, engine)
    first = stored(engine, report).finished_at
    read = meanwhile(monkeypatch, lambda _: None)

    run_report(report, engine)

    assert read == []
    assert stored(engine, report).finished_at == first


def test_a_report_whose_worker_died_is_made_from_the_start(engine: Engine, dataset: uuid.UUID) -> None:
    report = request_report(engine, dataset, state=State.RUNNING, progress=73, attempt=1)

    run_report(report, engine)

    made = stored(engine, report)
    assert (made.state, made.attempt) == (State.SUCCEEDED, 2)
    assert made.result is not None
    assert made.result["rows_read"] == PARTS * ROWS_PER_PART


def test_of_two_runs_side_by_side_the_later_one_makes_the_report(
    engine: Engine, report: uuid.UUID, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def take_over(parts: int) -> None:
        if parts == 2:
            monkeypatch.setattr(low_priority, "TURN", tmp_path / "turn-of-another-container")
            run_report(report, engine)

    read = meanwhile(monkeypatch, take_over)
    run_report(report, engine)

    assert len(read) == 2 + PARTS
    made = stored(engine, report)
    assert (made.state, made.attempt) == (State.SUCCEEDED, 2)
    assert made.result is not None
    assert made.result["rows_read"] == PARTS * ROWS_PER_PART


def test_a_report_that_takes_its_workers_down_is_given_up(engine: Engine, dataset: uuid.UUID) -> None:
    report = request_report(engine, dataset, state=State.RUNNING, attempt=ATTEMPTS)

    run_report(report, engine)

    made = stored(engine, report)
    assert made.state == State.FAILED
    assert made.problem == "it was begun 5 times, and each time its worker stopped before the end"


def test_a_report_with_too_many_groups_says_so(
    engine: Engine, report: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.reports.aggregation.MAX_GROUPS", 1)

    run_report(report, engine)

    made = stored(engine, report)
    assert made.state == State.FAILED
    assert made.problem is not None
    assert made.problem.startswith("the column 'city' has more than 1 different values")
    assert made.finished_at is not None


def test_a_report_that_its_dataset_cannot_answer_says_so(engine: Engine, dataset: uuid.UUID) -> None:
    report = request_report(engine, dataset, definition=DEFINITION | {"value": "price"})

    run_report(report, engine)

    assert stored(engine, report).problem == "the dataset has no column 'price'; it has city, amount"


def test_a_fault_of_ours_is_logged_and_not_told(
    engine: Engine, report: uuid.UUID, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise RuntimeError("no ink")

    monkeypatch.setattr(running, "png", fail)
    run_report(report, engine)

    assert stored(engine, report).problem == "an internal error; it has been logged"
    assert "no ink" in caplog.text


def test_a_report_that_was_cancelled_while_it_failed_stays_cancelled(
    engine: Engine, report: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel_and_fail(*_: object, **__: object) -> bytes:
        change(engine, report, state=State.CANCELLED)
        raise RuntimeError

    monkeypatch.setattr(running, "png", cancel_and_fail)
    run_report(report, engine)

    assert (stored(engine, report).state, stored(engine, report).problem) == (State.CANCELLED, None)


def test_a_dataset_that_is_deleted_takes_its_running_report_along(
    engine: Engine, report: uuid.UUID, dataset: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(_: int) -> None:
        with Session(engine) as session, session.begin():
            session.execute(delete(Dataset).where(Dataset.id == dataset))

    read = meanwhile(monkeypatch, remove)
    run_report(report, engine)

    assert len(read) == 1
    with pytest.raises(ReportMissingError):
        run_report(report, engine)


def test_a_report_that_is_not_there_yet_is_a_lookup_error(engine: Engine) -> None:
    with pytest.raises(LookupError, match="there is no report"):
        run_report(uuid.uuid4(), engine)


def test_a_database_that_is_away_is_a_connection_error() -> None:
    away = create_engine("postgresql+psycopg://api@127.0.0.1:1/api")

    with pytest.raises(ConnectionError, match="the database went away"):
        run_report(uuid.uuid4(), away)


def test_a_worker_has_the_api_s_own_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_USER", "api_too")
    background_engine.cache_clear()
    engine = background_engine()
    background_engine.cache_clear()

    assert engine.url.username == "api_too"
    _, arguments = engine.dialect.create_connect_args(engine.url)
    assert arguments["user"] == "api_too"


def test_only_one_report_works_at_a_time_and_then_pauses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(low_priority, "TURN", tmp_path / "turn")
    with low_priority.turn(), low_priority.TURN.open("ab") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    with low_priority.TURN.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_report_is_made_even_where_the_idle_class_is_forbidden(
    engine: Engine, report: uuid.UUID, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def forbid(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.sched_setscheduler", forbid)
    run_report(report, engine)

    assert stored(engine, report).state == State.SUCCEEDED
    assert "reports run at normal priority" in caplog.text
