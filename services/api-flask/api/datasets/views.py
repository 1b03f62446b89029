"""The datasets' routes."""

from __future__ import annotations

import re
import uuid  # noqa: TC003 - the routes read the annotations
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Response, request, url_for
from sqlalchemy import delete, func, select, text

from api.access import caller
from api.datasets.bodies import FORM, PLAIN, upload_from
from api.datasets.columns import DEFAULT, Column, parse
from api.datasets.documents import DatasetDocument, DatasetList, FileProblem, Page, Rows, RowsPage, UploadQuery
from api.datasets.faults import FaultyFileError
from api.datasets.lane import lane
from api.datasets.lines import known_encoding
from api.datasets.loading import load
from api.datasets.models import ROWS_PER_PART, Dataset, DatasetPart
from api.db import transaction
from api.errors import ApiError, problem_response
from api.owners import FULL, check_room, find_mine, mine
from api.routes import Answer, Routes, respond

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from api.datasets.bodies import Upload

#: The most bytes of a file. Nginx has the same limit, only for this path.
MAX_FILE = 200 * 1024 * 1024

#: The most datasets of one owner, and the most bytes of their files together: ten of the largest.
MOST, MOST_BYTES = 1000, 10 * MAX_FILE

#: Milliseconds that the removal of the largest dataset's rows may take.
REMOVAL_TIMEOUT = 15_000

_FILE = {"type": "string", "description": "a CSV file with a header", "examples": ["city,amount\nRiga,1\n"]}
_FORM = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "columns": {"type": "string"},
        "file": {"type": "string", "format": "binary"},
    },
    "required": ["file"],
}
_MISSING = {404: "There is no such dataset."}

routes = Routes(
    "datasets",
    __name__,
    prefix="/api/v1/datasets",
    tag="Datasets",
    about="CSV files, checked row by row and kept for reports.",
)


@routes.post(
    "/",
    Answer(201, "The dataset.", DatasetDocument, headers={"Location": "where it is"}),
    scope="datasets:write",
    errors={
        400: "The form cannot be read, or the file broke off.",
        408: "The file took too long, or arrived too slowly.",
        409: "The owner of the key has as many datasets, or bytes of them, as one may have.",
        413: "The file is too large.",
        415: "The body is neither CSV nor a form.",
        422: "The file has faults; their lines are listed, and nothing is stored.",
    },
    max_body=MAX_FILE,
    upload={**dict.fromkeys(PLAIN[:1], _FILE), FORM: _FORM},
)
def upload(query: UploadQuery) -> Response:
    """Upload a CSV file.

    It is checked while it arrives: encoding (UTF-8 unless the Content-Type names another charset or the file begins
    with a byte order mark), delimiter, quotes, and every cell against its column. A file with a fault is not stored.
    """
    with lane().place(caller().owner):
        return _store(query)


@routes.get("/permission", Answer(204, "It may."), scope="datasets:write", counted=False)
def permission() -> Response:
    """Tell whether the key may upload; Nginx asks this before it reads the body of an upload."""
    return Response(status=HTTPStatus.NO_CONTENT)


@routes.get("/", Answer(200, "Some of the datasets.", DatasetList), scope="datasets:read")
def index(query: Page) -> Response:
    """List the datasets of the key's owner, the newest first."""
    newest = select(Dataset).where(mine(Dataset)).order_by(Dataset.created_at.desc(), Dataset.id)
    with transaction() as session:
        items = [
            DatasetDocument.of(dataset) for dataset in session.scalars(newest.offset(query.offset).limit(query.limit))
        ]
        total = session.scalar(select(func.count()).select_from(Dataset).where(mine(Dataset))) or 0
    return respond(DatasetList(items=items, total=total))


@routes.get("/<uuid:dataset_id>", Answer(200, "The dataset.", DatasetDocument), scope="datasets:read", errors=_MISSING)
def show(dataset_id: uuid.UUID) -> Response:
    """Show a dataset."""
    with transaction() as session:
        return respond(DatasetDocument.of(find(session, dataset_id)))


@routes.get("/<uuid:dataset_id>/rows", Answer(200, "Some of its rows.", Rows), scope="datasets:read", errors=_MISSING)
def preview(dataset_id: uuid.UUID, query: RowsPage) -> Response:
    """Show some rows of a dataset, in the order in which they stood in the file."""
    first, last = query.offset // ROWS_PER_PART, (query.offset + query.limit - 1) // ROWS_PER_PART
    with transaction() as session:
        dataset = find(session, dataset_id)
        parts = (
            select(DatasetPart.rows)
            .where(DatasetPart.dataset_id == dataset_id, DatasetPart.number.between(first, last))
            .order_by(DatasetPart.number)
        )
        rows = [row for part in session.scalars(parts) for row in part]
        columns = parse(dataset.columns)
        total = dataset.rows
    start = query.offset - first * ROWS_PER_PART
    shown = [
        [_value(column, cell) for column, cell in zip(columns, row, strict=True)]
        for row in rows[start : start + query.limit]
    ]
    return respond(Rows(columns=[column.name for column in columns], rows=shown, total=total))


@routes.delete("/<uuid:dataset_id>", Answer(204, "It is gone."), scope="datasets:write", errors=_MISSING)
def remove(dataset_id: uuid.UUID) -> Response:
    """Remove a dataset with its rows and its reports; a report that runs stops."""
    with transaction() as session:
        session.execute(text(f"SET LOCAL statement_timeout = {REMOVAL_TIMEOUT}"))
        found = session.scalar(delete(Dataset).where(Dataset.id == dataset_id, mine(Dataset)).returning(Dataset.id))
    if found is None:
        raise ApiError(HTTPStatus.NOT_FOUND, f"there is no dataset {dataset_id}")
    return Response(status=HTTPStatus.NO_CONTENT)


def find(session: Session, dataset_id: uuid.UUID) -> Dataset:
    """Return a dataset of the caller's owner.

    Raises:
        ApiError: there is no such dataset.
    """
    dataset = find_mine(session, Dataset, dataset_id)
    if dataset is None:
        raise ApiError(HTTPStatus.NOT_FOUND, f"there is no dataset {dataset_id}")
    return dataset


def _store(query: UploadQuery) -> Response:
    with transaction() as session:
        _check_room(session, request.content_length or 0)
    sent = upload_from(request)
    name = _name(query.name or sent.fields.get("name") or sent.filename)
    columns = _columns(query.columns or sent.fields.get("columns") or DEFAULT)
    charset = _charset(sent)
    try:
        with transaction() as session:
            dataset = load(session, sent.file, owner=caller().owner, name=name, columns=columns, charset=charset)
            session.refresh(dataset)
            document = DatasetDocument.of(dataset)
    except FaultyFileError as error:
        return problem_response(FileProblem.of(error.faults, f"{error}; nothing was stored"))
    location = url_for("datasets.show", dataset_id=document.id)
    return respond(document, HTTPStatus.CREATED, {"Location": location})


def _check_room(session: Session, size: int) -> None:
    """Make sure that the caller's owner may store another file.

    Args:
        session: the transaction.
        size: the bytes of the request's body.

    Raises:
        ApiError: the owner has too many datasets, or too large ones.
    """
    check_room(session, Dataset, MOST, "datasets")
    stored = session.scalar(select(func.sum(Dataset.bytes)).where(mine(Dataset))) or 0
    if stored + size > MOST_BYTES:
        room = max(0, MOST_BYTES - int(stored))
        message = f"the owner of this API key may store {room} more bytes in datasets; remove some first"
        raise ApiError(FULL, message)


def _name(given: str | None) -> str:
    longest = 200
    name = re.sub(r"[\x00-\x20\x7f]+", " ", (given or "").rpartition("/")[2].rpartition("\\")[2]).strip()
    if len(name) > longest:
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, f"'name' has more than {longest} characters", field="name")
    return name or "unnamed"


def _columns(given: str) -> tuple[Column, ...]:
    try:
        return parse(given)
    except ValueError as error:
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, f"'columns': {error}", field="columns") from None


def _charset(sent: Upload) -> str | None:
    try:
        return known_encoding(sent.charset) if sent.charset else None
    except (LookupError, ValueError):
        problem = f"the charset {sent.charset!r} is not one that can be read"
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, problem, field="Content-Type") from None


def _value(column: Column, cell: str | None) -> str | int | float | None:
    """Return a cell as JSON."""
    if cell is None:
        return None
    if column.type == "integer":
        return int(cell)
    return float(cell) if column.type == "number" else cell
