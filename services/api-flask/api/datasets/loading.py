"""Loading a stream of bytes into the database: one COPY in one transaction, one part in memory at a time."""

from __future__ import annotations

import itertools
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
    from collections.abc import Sequence

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from api.datasets.streams import Stream

#: Days after which a dataset is removed.
LIFETIME = 30

_COPY = "COPY dataset_part (dataset_id, number, rows) FROM STDIN"


def load(
    session: Session, source: Stream, *, name: str, columns: Sequence[Column], charset: str | None = None
) -> Dataset:
    """Store a file as a dataset.

    Args:
        session: the transaction to do it in; the caller commits, or rolls back when this raises.
        source: the file, which is read once and never held in memory.
        name: the sender's name of the dataset.
        columns: the columns of its rows.
        charset: the encoding that the sender declares.

    Raises:
        FaultyFileError: the file has faults.
        LookupError: the encoding is unknown.
    """
    faults = Faults()
    found = rows(Lines(source, charset), columns, faults)
    dataset = Dataset(
        id=uuid.uuid4(),
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
        while part := list(itertools.islice(found, ROWS_PER_PART)):
            if not faults:  # after a fault, the rest is only validated
                copy.write_row((dataset.id, dataset.parts, json.dumps(part, ensure_ascii=False, separators=(",", ":"))))
                dataset.rows += len(part)
                dataset.parts += 1
    if faults:
        raise FaultyFileError(faults)
    dataset.bytes = source.bytes
    session.flush()
    return dataset
