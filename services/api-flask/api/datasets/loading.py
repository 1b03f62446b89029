"""Loading a stream of bytes into the database: one COPY in one transaction, one part in memory at a time."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from api.datasets.columns import Column, declaration
from api.datasets.faults import Faults, FaultyFileError
from api.datasets.lines import Lines
from api.datasets.models import ROWS_PER_PART, Dataset
from api.datasets.rows import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from api.datasets.rows import Row
    from api.datasets.streams import Stream

#: Days after which a dataset is removed.
LIFETIME = 30

#: The most characters of one part, which is in memory: the longest lines would make it 256 MB.
MOST_CHARACTERS = 4_000_000

_COPY = "COPY dataset_part (dataset_id, number, rows) FROM STDIN"


def load(
    session: Session,
    source: Stream,
    *,
    owner: uuid.UUID,
    name: str,
    columns: Sequence[Column],
    charset: str | None = None,
) -> Dataset:
    """Store a file as a dataset.

    Args:
        session: the transaction to do it in; the caller commits, or rolls back when this raises.
        source: the file, which is read once and never held in memory.
        owner: the owner of the dataset.
        name: the sender's name of the dataset.
        columns: the columns of its rows.
        charset: the encoding that the sender declares.

    Raises:
        FaultyFileError: the file has faults.
        LookupError: the encoding is unknown.
    """
    faults = Faults()
    lines = Lines(source, charset)
    found = rows(lines, columns, faults)
    dataset = Dataset(
        id=uuid.uuid4(),
        owner=owner,
        name=name,
        columns=declaration(columns),
        rows=0,
        parts=0,
        bytes=0,
        expires_at=datetime.now(UTC) + timedelta(days=LIFETIME),
    )
    session.add(dataset)
    session.flush()
    # The COPY is one statement, as long as the slowest sender takes.
    session.execute(text("SET LOCAL statement_timeout = 0"))
    connection: Connection | None = session.connection().connection.driver_connection
    assert connection is not None  # noqa: S101 - the pool has just opened it
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        while part := _part(found, lines, faults):
            if not faults:  # after a fault, the rest is only validated
                copy.write_row((dataset.id, dataset.parts, json.dumps(part, ensure_ascii=False, separators=(",", ":"))))
                dataset.rows += len(part)
                dataset.parts += 1
    if faults:
        raise FaultyFileError(faults)
    dataset.bytes = source.bytes
    session.flush()
    return dataset


def _part(found: Iterator[Row], lines: Lines, faults: Faults) -> list[Row]:
    """Return the next rows that are stored together; none at the end.

    Raises:
        FaultyFileError: they are too long to be held in memory.
    """
    part: list[Row] = []
    characters = 0
    for row in found:
        part.append(row)
        characters += sum(len(cell) for cell in row if cell is not None)
        if characters > MOST_CHARACTERS:
            message = f"{len(part)} rows up to here have more than {MOST_CHARACTERS} characters"
            faults.add(lines.number, f"{message}; at most that many are allowed in {ROWS_PER_PART} rows")
            raise FaultyFileError(faults)
        if len(part) == ROWS_PER_PART:
            break
    return part
