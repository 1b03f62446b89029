"""The five routes of a table: list, create, show, change and remove rows."""

from __future__ import annotations

import uuid  # noqa: TC003 - the views' annotations
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Response, url_for
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from api.access import caller
from api.crud.schemas import MEDIA_TYPE, Links, Meta, Schemas, columns_of, schemas_of
from api.db import transaction
from api.errors import ApiError
from api.owners import check_room, find_mine, mine
from api.routes import Answer, Operation, Routes, respond

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel
    from sqlalchemy.orm import Session

    from api.models import Owned

READ, WRITE = "tables:read", "tables:write"

TAKEN = "Another row has this already, or the owner of the key has as many rows as one may have."

#: The most rows of one owner in a table.
MOST = 10_000


def crud(model: type[Owned], type_: str, *, tag: str) -> Routes:
    """Return the routes of a table, with the schemas of :func:`api.crud.schemas.schemas_of`.

    Args:
        model: the table; its primary key is a UUID named ``id``, and each row has an owner.
        type_: its JSON:API type, and its path below ``/api/v1``.
        tag: the heading in the OpenAPI document.
    """
    about = (model.__doc__ or "").partition("\n")[0]
    routes = Routes(type_, __name__, prefix=f"/api/v1/{type_}", tag=tag, about=f"{about} JSON:API.")
    table = Table(model, type_, schemas_of(model, type_))
    for operation in table.operations():
        routes.add(operation)
    return routes


class Table:
    """The views of one table.

    Args:
        model: the table.
        type_: its JSON:API type.
        schemas: its documents.
    """

    def __init__(self, model: type[Owned], type_: str, schemas: Schemas) -> None:
        self.model: Any = model  # owned, and with an id: all that generic code knows of it
        self.type = type_
        self.schemas = schemas
        self.columns = [column.key for column in columns_of(model)]

    def operations(self) -> list[Operation]:
        """Return the operations."""
        one, many = self.schemas.one, self.schemas.many
        taken = {HTTPStatus.CONFLICT.value: TAKEN}
        made = Answer(201, "The new row.", one, headers={"Location": "where it is"}, media_type=MEDIA_TYPE)
        it = Answer(200, "The row.", one, media_type=MEDIA_TYPE)
        row = "/<uuid:row_id>"

        def operation(
            method: str,
            rule: str,
            do: Callable[..., Response],
            about: str,
            *answers: Answer,
            **options: Any,  # noqa: ANN401
        ) -> Operation:
            scope = READ if method == "GET" else WRITE
            view = _view(do, about, query=options.pop("query", None), body=options.pop("body", None))
            return Operation(method, rule, view, answers, scope=scope, body_type=MEDIA_TYPE, **options)

        return [
            operation(
                "GET", "", self.page, f"List {self.type}", Answer(200, "A page.", many, media_type=MEDIA_TYPE),
                query=self.schemas.query,
            ),
            operation(
                "POST", "", self.create, f"Add to {self.type}", made,
                body=self.schemas.create, errors=taken, idempotent=True,
            ),
            operation("GET", row, self.show, f"Show one of {self.type}", it),
            operation(
                "PATCH", row, self.change, f"Change one of {self.type}", it,
                body=self.schemas.update, errors=taken,
            ),
            operation("DELETE", row, self.remove, f"Remove one of {self.type}", Answer(204, "It is gone.")),
        ]  # fmt: skip

    def page(self, query: Any) -> Response:  # noqa: ANN401 - a model made at start
        """Return a page of rows."""
        conditions = [mine(self.model)]
        conditions += [
            getattr(self.model, name.removeprefix("filter_")) == value
            for name, value in query
            if name.startswith("filter_") and value is not None
        ]
        with transaction() as session:
            total = session.scalar(select(func.count()).select_from(self.model).where(*conditions)) or 0
            chosen = select(self.model).where(*conditions).order_by(*self._order(query.sort))
            rows = session.scalars(chosen.limit(query.size).offset((query.number - 1) * query.size)).all()
            data = [self._resource(row) for row in rows]
        links = self._links(query, last=max(1, -(-total // query.size)))
        return self._respond(self.schemas.many, {"data": data, "links": links, "meta": Meta(total=total)})

    def create(self, body: Any) -> Response:  # noqa: ANN401 - a model made at start
        """Make a row."""
        values = body.data.attributes.model_dump(exclude_unset=True)
        with transaction() as session:
            check_room(session, self.model, MOST, self.type)
            row = self.model(owner=caller().owner, **values)
            session.add(row)
            self._flush(session)
            data = self._resource(row)
        headers = {"Location": data["links"]["self"]}
        return self._respond(self.schemas.one, {"data": data}, HTTPStatus.CREATED, headers)

    def show(self, row_id: uuid.UUID) -> Response:
        """Return a row."""
        with transaction() as session:
            data = self._resource(self._row(session, row_id))
        return self._respond(self.schemas.one, {"data": data})

    def change(self, row_id: uuid.UUID, body: Any) -> Response:  # noqa: ANN401 - a model made at start
        """Change only the columns in the body."""
        with transaction() as session:
            row = self._row(session, row_id)
            if body.data.id != row_id:
                raise ApiError(HTTPStatus.CONFLICT, "'data.id' must be the id of the address", field="data.id")
            for name, value in body.data.attributes.model_dump(exclude_unset=True).items():
                setattr(row, name, value)
            self._flush(session)
            data = self._resource(row)
        return self._respond(self.schemas.one, {"data": data})

    def remove(self, row_id: uuid.UUID) -> Response:
        """Remove a row."""
        with transaction() as session:
            session.delete(self._row(session, row_id))
        return Response(status=HTTPStatus.NO_CONTENT)

    def _row(self, session: Session, row_id: uuid.UUID) -> Any:  # noqa: ANN401 - as above
        row = find_mine(session, self.model, row_id)
        if row is None:
            raise ApiError(HTTPStatus.NOT_FOUND, f"there is no {row_id} in {self.type}")
        return row

    def _flush(self, session: Session) -> None:
        """Write, and read the values that the database generated.

        Raises:
            ApiError: another row has the same value in a unique column.
        """
        try:
            session.flush()
        except IntegrityError as error:
            diagnosis = getattr(error.orig, "diag", None)
            name = getattr(diagnosis, "constraint_name", None) or ""
            field = name.removeprefix(f"uq_{self.model.__tablename__}_")
            if field == name:
                raise  # not the caller's error: the models check all that the tables check
            detail = f"another of {self.type} has this {field!r} already"
            raise ApiError(HTTPStatus.CONFLICT, detail, field=f"data.attributes.{field}") from None

    def _order(self, sort: str | None) -> list[Any]:
        # The id comes last: rows that are equal otherwise must have a stable order across pages.
        key = (sort or "created_at").removeprefix("-")
        column = getattr(self.model, key)
        return [column.desc() if (sort or "").startswith("-") else column.asc(), self.model.id]

    def _resource(self, row: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
        where = url_for(f"{self.type}.show", row_id=row.id)
        attributes = {name: getattr(row, name) for name in self.columns}
        return {"type": self.type, "id": row.id, "attributes": attributes, "links": {"self": where}}

    def _links(self, query: Any, last: int) -> Links:  # noqa: ANN401 - as above
        given = query.model_dump(by_alias=True, exclude_unset=True, mode="json")

        def to(number: int) -> str:
            return url_for(f"{self.type}.page", **(given | {"page[number]": number}))

        number = query.number
        return Links(
            first=to(1),
            prev=to(min(number - 1, last)) if number > 1 else None,
            next=to(number + 1) if number < last else None,
            last=to(last),
        )

    def _respond(
        self,
        model: type[BaseModel],
        document: dict[str, Any],
        status: HTTPStatus = HTTPStatus.OK,
        headers: dict[str, str] | None = None,
    ) -> Response:
        return respond(model.model_validate(document), status, headers, MEDIA_TYPE)


def _view(
    do: Callable[..., Response], about: str, *, query: type[BaseModel] | None, body: type[BaseModel] | None
) -> Callable[..., Response]:
    """Return a separate view, annotated with this table's models of query and body.

    Args:
        do: the method that it calls.
        about: its summary in the OpenAPI document.
        query: the model of the query.
        body: the model of the body.
    """
    models = {name: model for name, model in (("query", query), ("body", body)) if model is not None}

    def view(**arguments: Any) -> Response:  # noqa: ANN401 - the route's arguments
        return do(**arguments)

    view.__name__ = do.__name__
    view.__doc__ = f"{about}."
    view.__annotations__ = {**models, "return": Response}
    return view
