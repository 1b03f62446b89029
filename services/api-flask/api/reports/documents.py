"""The JSON documents of reports."""

from __future__ import annotations

import uuid  # noqa: TC003 - pydantic reads the annotations
from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING, Annotated, Literal, Self

from flask import url_for
from pydantic import BaseModel, ConfigDict, Field

from api.reports.definition import Definition
from api.reports.models import State

if TYPE_CHECKING:
    from api.reports.models import Report

ColumnName = Annotated[str, Field(min_length=1, max_length=63)]


class NewReport(BaseModel):
    """A report to make."""

    model_config = ConfigDict(extra="forbid")

    dataset: Annotated[uuid.UUID, Field(description="the dataset's id")]
    group_by: Annotated[ColumnName, Field(description="the column whose equal values make a group")]
    value: Annotated[ColumnName | None, Field(description="the column with the numbers; none to count rows")] = None
    measure: Annotated[
        Literal["count", "sum", "mean", "min", "max"], Field(description="what the chart shows of each group")
    ] = "count"
    period: Annotated[
        Literal["day", "month", "year"] | None, Field(description="what makes a group in a column of dates")
    ] = None

    @property
    def definition(self) -> Definition:
        """What to do with the dataset."""
        return Definition(self.group_by, self.value, self.measure, self.period)


class Links(BaseModel):
    """Where the result is, once there is one."""

    result: str
    csv: str
    chart: str


class ReportDocument(BaseModel):
    """A report."""

    id: uuid.UUID
    dataset: uuid.UUID
    group_by: str
    value: str | None
    measure: str
    period: str | None
    state: State
    progress: int = Field(ge=0, le=100, description="per cent")
    problem: str | None = Field(description="why it failed")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    links: Links | None = Field(description="the result, once it succeeded")

    @classmethod
    def of(cls, report: Report) -> Self:
        """Return the document of a report."""
        links = None
        if report.state == State.SUCCEEDED:
            links = Links(
                result=url_for("reports.result", report_id=report.id),
                csv=url_for("reports.result_csv", report_id=report.id),
                chart=url_for("reports.chart", report_id=report.id),
            )
        return cls(
            id=report.id,
            dataset=report.dataset_id,
            **report.definition,
            state=State(report.state),
            progress=report.progress,
            problem=report.problem,
            created_at=report.created_at,
            started_at=report.started_at,
            finished_at=report.finished_at,
            links=links,
        )


class ReportList(BaseModel):
    """Some of the reports, the newest first."""

    items: list[ReportDocument]
    total: int


class Result(BaseModel):
    """A report's result."""

    columns: list[str] = Field(description="the group, and the figures of each")
    measure: str = Field(description="the figure that the chart shows")
    rows: list[list[str | int | float | None]] = Field(description="a row for each group")
    rows_read: int
