"""The JSON documents of datasets."""

from __future__ import annotations

import uuid  # noqa: TC003 - pydantic reads the annotations
from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from api.datasets.columns import DEFAULT, parse
from api.errors import Problem

if TYPE_CHECKING:
    from api.datasets.faults import Faults
    from api.datasets.models import Dataset

#: The most items or rows of one response.
MAX_ITEMS = 100
MAX_ROWS = 1000

#: The range of the database's integers.
LARGEST_OFFSET = 2**31 - 1


class UploadQuery(BaseModel):
    """What may be said of a file beside it; a form may say the same in fields before the file."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str | None, Field(description="what to call the dataset; the file's name unless given")] = None
    columns: Annotated[
        str | None,
        Field(
            description="the columns as name:type with the types text, integer, number and date; a question mark after "
            f"the type allows empty cells. Unless given: {DEFAULT}"
        ),
    ] = None


class Page(BaseModel):
    """Which part of a list to answer."""

    model_config = ConfigDict(extra="forbid")

    offset: Annotated[int, Field(ge=0, le=LARGEST_OFFSET, description="items to pass over")] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_ITEMS, description="items to answer")] = 20


class RowsPage(BaseModel):
    """Which rows to answer."""

    model_config = ConfigDict(extra="forbid")

    offset: Annotated[int, Field(ge=0, le=LARGEST_OFFSET, description="rows to pass over")] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_ROWS, description="rows to answer")] = 20


class ColumnDocument(BaseModel):
    """A column."""

    name: str
    type: str
    optional: bool


class DatasetDocument(BaseModel):
    """A dataset."""

    id: uuid.UUID
    name: str
    columns: list[ColumnDocument]
    rows: int = Field(description="how many rows it has")
    bytes: int = Field(description="the size of the file that it was")
    created_at: datetime
    expires_at: datetime = Field(description="when it will be removed")

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Return the document of a dataset."""
        return cls(
            id=dataset.id,
            name=dataset.name,
            columns=[
                ColumnDocument(name=column.name, type=column.type, optional=column.optional)
                for column in parse(dataset.columns)
            ],
            rows=dataset.rows,
            bytes=dataset.bytes,
            created_at=dataset.created_at,
            expires_at=dataset.expires_at,
        )


class DatasetList(BaseModel):
    """Some of the datasets, the newest first."""

    items: list[DatasetDocument]
    total: int


class Rows(BaseModel):
    """Some of a dataset's rows."""

    columns: list[str]
    rows: list[list[str | int | float | None]]
    total: int


class LineFault(BaseModel):
    """A fault of a file."""

    line: int = Field(description="the line that the faulty row begins on, from 1")
    column: str | None = Field(description="the column, if one is to blame")
    message: str


class FileProblem(Problem):
    """A file that was not stored because of its faults."""

    faults: list[LineFault] = Field(description="the first faults")
    total: int = Field(description="how many there are in all")

    @classmethod
    def of(cls, faults: Faults, detail: str) -> Self:
        """Return the problem document of a faulty file."""
        listed = [LineFault(line=each.line, column=each.column, message=each.message) for each in faults.listed]
        return cls(title="Unprocessable Content", status=422, detail=detail, faults=listed, total=faults.total)
