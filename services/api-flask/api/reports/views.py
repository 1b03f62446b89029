"""The reports' routes."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Response, url_for
from sqlalchemy import delete, func, select
from sqlalchemy.orm import undefer

from api.access import caller
from api.datasets.columns import parse
from api.datasets.documents import Page  # noqa: TC001 - the routes read the annotations
from api.datasets.views import find as find_dataset
from api.db import transaction
from api.errors import ApiError
from api.owners import check_room, find_mine, mine
from api.reports.definition import DefinitionError
from api.reports.documents import NewReport, ReportDocument, ReportList, Result
from api.reports.models import FINAL, Report, State
from api.reports.spreadsheets import table
from api.reports.tasks import run_report
from api.routes import Answer, Routes, respond

if TYPE_CHECKING:
    from sqlalchemy.orm import InstrumentedAttribute, Session

#: The most reports of one owner.
MOST = 200

_MISSING = {404: "There is no such report."}
_UNREADY = {**_MISSING, 409: "The report has no result: it is not done, failed or was cancelled."}

routes = Routes(
    "reports",
    __name__,
    prefix="/api/v1/reports",
    tag="Reports",
    about="Figures over a dataset, made by a worker while you watch.",
)


@routes.post(
    "/",
    Answer(202, "The report, waiting for a worker.", ReportDocument, headers={"Location": "where to watch it"}),
    scope="reports:write",
    errors={
        409: "The owner of the key has as many reports as one may have; or the idempotency key is in use.",
        422: "The dataset is not there, or cannot answer.",
        503: "Nothing can be stored at the moment.",
    },
    idempotent=True,
)
def create(body: NewReport) -> Response:
    """Ask for a report."""
    report_id = uuid.uuid4()
    with transaction() as session:
        check_room(session, Report, MOST, "reports")
        try:
            dataset = find_dataset(session, body.dataset)
        except ApiError as error:
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, error.message, field="dataset") from None
        try:
            body.definition.check(parse(dataset.columns))
        except DefinitionError as error:
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{error.field!r}: {error}", field=error.field) from None
        report = Report(id=report_id, owner=caller().owner, dataset_id=dataset.id, definition=body.definition.as_dict())
        session.add(report)
        session.flush()
        session.refresh(report)
        document = ReportDocument.of(report)
        run_report.apply_async((str(report_id),), task_id=str(report_id))
    return respond(document, HTTPStatus.ACCEPTED, {"Location": url_for("reports.show", report_id=report_id)})


@routes.get("/", Answer(200, "Some of the reports.", ReportList), scope="reports:read")
def index(query: Page) -> Response:
    """List the reports of the key's owner, the newest first."""
    newest = select(Report).where(mine(Report)).order_by(Report.created_at.desc(), Report.id)
    with transaction() as session:
        items = [
            ReportDocument.of(report) for report in session.scalars(newest.offset(query.offset).limit(query.limit))
        ]
        total = session.scalar(select(func.count()).select_from(Report).where(mine(Report))) or 0
    return respond(ReportList(items=items, total=total))


@routes.get("/<uuid:report_id>", Answer(200, "The report.", ReportDocument), scope="reports:read", errors=_MISSING)
def show(report_id: uuid.UUID) -> Response:
    """Show a report: its state, and how far it is."""
    with transaction() as session:
        return respond(ReportDocument.of(_find(session, report_id)))


@routes.post(
    "/<uuid:report_id>/cancel",
    Answer(200, "The report, cancelled.", ReportDocument),
    scope="reports:write",
    errors={**_MISSING, 409: "The report is over already."},
    idempotent=True,
)
def cancel(report_id: uuid.UUID) -> Response:
    """Cancel a report: its worker stops within moments; asked again, nothing changes."""
    with transaction() as session:
        report = find_mine(session, Report, report_id, for_update=True)
        if report is None:
            raise _missing(report_id)
        if report.state in FINAL - {State.CANCELLED}:
            raise ApiError(HTTPStatus.CONFLICT, f"the report has {report.state} already")
        if report.state != State.CANCELLED:
            report.state = State.CANCELLED
            report.finished_at = func.now()
            session.flush()
            session.refresh(report)
        return respond(ReportDocument.of(report))


@routes.delete("/<uuid:report_id>", Answer(204, "It is gone."), scope="reports:write", errors=_MISSING)
def remove(report_id: uuid.UUID) -> Response:
    """Remove a report with its result; if it runs, it stops."""
    with transaction() as session:
        found = session.scalar(delete(Report).where(Report.id == report_id, mine(Report)).returning(Report.id))
    if found is None:
        raise _missing(report_id)
    return Response(status=HTTPStatus.NO_CONTENT)


@routes.get("/<uuid:report_id>/result", Answer(200, "The result.", Result), scope="reports:read", errors=_UNREADY)
def result(report_id: uuid.UUID) -> Response:
    """Show the result as JSON."""
    return respond(_result(report_id))


@routes.get(
    "/<uuid:report_id>/result.csv",
    Answer(200, "The result.", content={"text/csv": {"type": "string"}}),
    scope="reports:read",
    errors=_UNREADY,
)
def result_csv(report_id: uuid.UUID) -> Response:
    """Show the result as CSV."""
    found = _result(report_id)
    headers = {"Content-Disposition": f'attachment; filename="report-{report_id}.csv"'}
    return Response(table(found.columns, found.rows), headers=headers, content_type="text/csv; charset=utf-8")


@routes.get(
    "/<uuid:report_id>/chart.png",
    Answer(200, "The chart.", content={"image/png": {"type": "string", "format": "binary"}}),
    scope="reports:read",
    errors=_UNREADY,
)
def chart(report_id: uuid.UUID) -> Response:
    """Show the result as a chart."""
    with transaction() as session:
        picture = _succeeded(session, report_id, Report.chart).chart
    return Response(picture, content_type="image/png")


def _result(report_id: uuid.UUID) -> Result:
    with transaction() as session:
        return Result.model_validate(_succeeded(session, report_id, Report.result).result)


def _find(session: Session, report_id: uuid.UUID) -> Report:
    report = find_mine(session, Report, report_id)
    if report is None:
        raise _missing(report_id)
    return report


def _succeeded(session: Session, report_id: uuid.UUID, column: InstrumentedAttribute[object]) -> Report:
    """Return a report with its result.

    Raises:
        ApiError: there is no such report, or it has no result.
    """
    report = find_mine(session, Report, report_id, options=[undefer(column)])
    if report is None:
        raise _missing(report_id)
    if report.state != State.SUCCEEDED:
        why = f": {report.problem}" if report.problem else ""
        raise ApiError(HTTPStatus.CONFLICT, f"the report has no result, it is {report.state}{why}")
    return report


def _missing(report_id: uuid.UUID) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, f"there is no report {report_id}")
