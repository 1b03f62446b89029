"""The JSON:API documents of a table, as pydantic models made from its columns.

The format: https://jsonapi.org/format/1.1/
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from sqlalchemy import inspect

from api.routes import Number

if TYPE_CHECKING:
    from sqlalchemy import Column

    from api.models import Owned

MEDIA_TYPE = "application/vnd.api+json"

#: Rows of a page: by default, and at most.
PAGE_SIZE, LARGEST_PAGE = 20, 100

#: The last page that can be requested: PostgreSQL reads all rows before it.
LAST_PAGE = 10_000

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Schemas:
    """The models of one table.

    Args:
        create: the body of a new row.
        update: the body of a change.
        one: the response with a row.
        many: the response with a page of rows.
        query: the query of a page.
    """

    create: type[BaseModel]
    update: type[BaseModel]
    one: type[BaseModel]
    many: type[BaseModel]
    query: type[BaseModel]


class Links(BaseModel):
    """Where the pages are; a link is null where there is no such page."""

    first: str
    prev: str | None
    next: str | None
    last: str


class Meta(BaseModel):
    """About all pages."""

    total: int = Field(description="how many rows there are on all pages")


class Self(BaseModel):
    """Where a row is."""

    self: str


def columns_of(model: type[Owned]) -> list[Column[Any]]:
    """Return the columns that callers see: all but the key and the owner."""
    return [column for column in inspect(model).columns if not column.primary_key and column.key != "owner"]


def schemas_of(model: type[Owned], type_: str) -> Schemas:
    """Return the models of a table.

    Callers may set every column except the key, the owner and those that the database generates; a column with a
    default is optional. ``info`` of a column may have ``type`` (a pydantic type that is narrower than the column's),
    ``above`` (an exclusive lower bound of a number) and ``about`` (its description).

    Args:
        model: the table.
        type_: its JSON:API type.
    """
    name = model.__name__
    columns = columns_of(model)
    writable = [column for column in columns if not _is_automatic(column)]
    attributes = {column.key: _field(column, required=_is_required(column)) for column in writable}
    changes = {column.key: _field(column, required=False) for column in writable}
    shown = {column.key: (_type(column), _info(column)) for column in columns}
    kind = Literal[type_]  # type: ignore[valid-type]

    def model_of(suffix: str, **fields: Any) -> type[BaseModel]:  # noqa: ANN401 - pydantic's own
        return create_model(f"{name}{suffix}", __config__=_STRICT, **fields)

    new = model_of("New", type=(kind, ...), attributes=(model_of("NewAttributes", **attributes), ...))
    change = model_of(
        "Change", type=(kind, ...), id=(uuid.UUID, ...), attributes=(model_of("ChangedAttributes", **changes), ...)
    )
    resource = model_of(
        "Resource",
        type=(kind, ...),
        id=(uuid.UUID, ...),
        attributes=(model_of("Attributes", **shown), ...),
        links=(Self, ...),
    )
    return Schemas(
        create=model_of("Creation", data=(new, ...)),
        update=model_of("Update", data=(change, ...)),
        one=model_of("Document", data=(resource, ...)),
        many=model_of("Page", data=(list[resource], ...), links=(Links, ...), meta=(Meta, ...)),  # type: ignore[valid-type]
        query=_query(name, columns, writable),
    )


def _query(name: str, columns: list[Column[Any]], writable: list[Column[Any]]) -> type[BaseModel]:
    keys = [column.key for column in columns]
    order = StrEnum(f"{name}Order", {f"{way}{key}": f"{way}{key}" for key in keys for way in ("", "-")})  # type: ignore[misc]
    fields: dict[str, Any] = {
        "number": (int, Field(default=1, ge=1, le=LAST_PAGE, alias="page[number]", description="which page")),
        "size": (
            int,
            Field(default=PAGE_SIZE, ge=1, le=LARGEST_PAGE, alias="page[size]", description="rows of a page"),
        ),
        "sort": (order | None, Field(default=None, description="what to sort by; with a leading - downwards")),
    }
    for column in writable:
        if column.type.python_type is str:
            about = f"only rows with this {column.key}"
            fields[f"filter_{column.key}"] = (
                _filter_type(column),
                Field(default=None, alias=f"filter[{column.key}]", description=about),
            )
    return create_model(f"{name}Query", __config__=_STRICT, **fields)


def _is_automatic(column: Column[Any]) -> bool:
    """Return whether the database generates the column: times of creation and change."""
    return column.server_default is not None and column.type.python_type not in {str, int, float, bool}


def _is_required(column: Column[Any]) -> bool:
    return not column.nullable and column.server_default is None and column.default is None


def _type(column: Column[Any]) -> Any:  # noqa: ANN401 - a type, or an annotation
    """Return the pydantic type of a column."""
    type_ = column.info.get("type") or (Number if column.type.python_type is float else column.type.python_type)
    if "above" in column.info:
        type_ = Annotated[float, Field(gt=column.info["above"], le=1e15, allow_inf_nan=False)]
    return type_ | None if column.nullable else type_


def _filter_type(column: Column[Any]) -> Any:  # noqa: ANN401 - as above
    return (column.info.get("type") or str) | None


def _info(column: Column[Any]) -> Any:  # noqa: ANN401 - pydantic's default
    return Field(description=column.info.get("about"))


def _field(column: Column[Any], *, required: bool) -> tuple[Any, Any]:
    """Return type and default of a column in a body; an omitted column does not change."""
    about = column.info.get("about")
    if required:
        return _type(column), Field(description=about)
    return _type(column), Field(default=None, description=about, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    """Remove a default that only marks an omitted value."""
    schema.pop("default", None)
