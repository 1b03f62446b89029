"""Responses from models."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

JSON = "application/json"


def respond(
    model: BaseModel,
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    media_type: str = JSON,
) -> Response:
    """Return ``model`` as a JSON response, with the aliases of its fields."""
    text = model.model_dump_json(by_alias=True) + "\n"
    return Response(text, status, headers=dict(headers or {}), content_type=media_type)
