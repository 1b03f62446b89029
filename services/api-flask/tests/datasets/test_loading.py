from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from api.datasets import loading
from api.datasets.columns import parse
from api.datasets.faults import FaultyFileError
from api.datasets.loading import LIFETIME, load
from api.datasets.models import ROWS_PER_PART, Dataset, DatasetPart
from api.datasets.streams import Stream
from api.datasets.upkeep import AT_ONCE, remove_expired_uploads
from landfast_testing.waiting import PATIENCE
from sqlalchemy import func, select
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Engine

COLUMNS = parse("city:text,amount:number?")
HEADER = b"city,amount\n"


def store(engine: Engine, pieces: Iterable[bytes]) -> uuid.UUID:
    with Session(engine) as session, session.begin():
        return load(session, Stream(pieces), owner=uuid.uuid4(), name="harbours", columns=COLUMNS).id


def count(engine: Engine, table: type[Dataset | DatasetPart]) -> int | None:
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(table))


def expire(engine: Engine, *datasets: uuid.UUID) -> None:
    with Session(engine) as session, session.begin():
        for dataset in datasets:
            session.get_one(Dataset, dataset).expires_at = datetime.now(UTC) - timedelta(seconds=1)


def test_every_row_is_stored_in_its_order(engine: Engine) -> None:
    count = 2 * ROWS_PER_PART + 1
    dataset_id = store(engine, [HEADER, *(f"Riga {number},{number}\n".encode() for number in range(count))])

    with Session(engine) as session:
        dataset = session.get_one(Dataset, dataset_id)
        parts = session.scalars(select(DatasetPart).order_by(DatasetPart.number)).all()
        assert (dataset.name, dataset.columns) == ("harbours", "city:text,amount:number?")
        assert (dataset.rows, dataset.parts) == (count, 3)
        assert dataset.expires_at - dataset.created_at == pytest.approx(timedelta(LIFETIME), abs=timedelta(minutes=1))
        assert [len(part.rows) for part in parts] == [ROWS_PER_PART, ROWS_PER_PART, 1]
        stored = [row for part in parts for row in part.rows]
        assert stored == [[f"Riga {number}", str(number)] for number in range(count)]


def test_the_size_of_the_file_is_known(engine: Engine) -> None:
    dataset_id = store(engine, [HEADER, b"Riga,1\n"])

    with Session(engine) as session:
        assert session.get_one(Dataset, dataset_id).bytes == len(HEADER) + 7


def test_what_means_something_to_copy_or_json_is_stored_as_it_is(engine: Engine) -> None:
    text = 'tab\t, back\\slash, \\N, "quotes", Тверь, \u2028'
    quoted = text.replace('"', '""')
    store(engine, [HEADER, f'"{quoted}",\n'.encode()])

    with Session(engine) as session:
        assert session.scalar(select(DatasetPart.rows)) == [[text, None]]


def test_a_file_with_a_fault_on_its_last_line_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(FaultyFileError, match="the file has a fault") as error:
        store(engine, [HEADER, b"Riga,1\n" * 3 * ROWS_PER_PART, b"Oslo,x\n", b"Oslo,1\n" * 3 * ROWS_PER_PART])

    assert [fault.line for fault in error.value.faults.listed] == [3 * ROWS_PER_PART + 2]
    assert (count(engine, Dataset), count(engine, DatasetPart)) == (0, 0)


def test_a_sender_who_goes_away_leaves_nothing(engine: Engine) -> None:
    def pieces() -> Iterator[bytes]:
        yield HEADER
        yield b"Riga,1\n" * 3 * ROWS_PER_PART
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store(engine, pieces())
    assert (count(engine, Dataset), count(engine, DatasetPart)) == (0, 0)
    assert store(engine, [HEADER, b"Riga,1\n"])  # the connection still works


def test_a_load_outlives_the_time_limit_of_a_statement(engine: Engine) -> None:
    """The sender is slower than the statement timeout, which the statement before its bytes keeps to."""

    def pieces() -> Iterator[bytes]:
        yield HEADER
        for _ in range(3):
            yield b"Riga,1\n" * ROWS_PER_PART
            with engine.connect() as other:
                other.execute(select(func.pg_sleep(0.4 * PATIENCE)))

    with Session(engine) as session, session.begin():
        session.connection().exec_driver_sql(f"SET LOCAL statement_timeout = {1000 * PATIENCE:.0f}")
        assert load(session, Stream(pieces()), owner=uuid.uuid4(), name="slow", columns=COLUMNS).parts == 3


def test_no_part_is_larger_than_the_memory_for_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MOST_CHARACTERS", 5000)
    rows = [b"%s,1\n" % (b"x" * 999) for _ in range(ROWS_PER_PART)]

    with pytest.raises(FaultyFileError) as caught:
        store(engine, [HEADER, *rows])
    [fault] = caught.value.faults.listed
    assert (fault.line, fault.message.partition(" up to here")[0]) == (7, "6 rows")
    assert "at most that many are allowed in 1000 rows" in fault.message
    assert count(engine, Dataset) == 0
    assert store(engine, [HEADER, *rows[:4]])


def test_parts_are_json_that_any_client_can_read(engine: Engine) -> None:
    store(engine, [HEADER, b"Riga,1\n"])

    with engine.connect() as connection:
        text = connection.exec_driver_sql("SELECT rows::text FROM dataset_part").scalar_one()
    assert json.loads(text) == [["Riga", "1"]]


def test_expired_datasets_are_removed_with_their_rows(engine: Engine) -> None:
    old = [store(engine, [HEADER, b"Riga,1\n"]) for _ in range(AT_ONCE + 1)]
    kept = store(engine, [HEADER, b"Oslo,1\n"])
    expire(engine, *old)

    assert remove_expired_uploads(engine) == AT_ONCE + 1
    with Session(engine) as session:
        assert session.scalars(select(Dataset.id)).all() == [kept]
        assert session.scalars(select(DatasetPart.dataset_id)).all() == [kept]
    assert remove_expired_uploads(engine) == 0
