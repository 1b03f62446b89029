"""What one route promises: what it takes, what it answers, who may call it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import BaseModel

from api.routes.answering import JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Bytes that a request body may have unless its operation says otherwise.
MAX_BODY = 16 * 1024


@dataclass(frozen=True)
class Answer:
    """A successful answer.

    Args:
        status: its HTTP status.
        description: what it tells.
        model: the model of its JSON document; without one there is no body, or ``content`` says what it is.
        content: the JSON schema of a body by its media type, for what is no model.
        headers: what headers it always has, and what they tell.
        media_type: that of the model's document.
    """

    status: int
    description: str
    model: type[BaseModel] | None = None
    content: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = JSON


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Args:
        method: the HTTP method.
        rule: the path, as Flask writes it, after the prefix.
        view: what answers.
        answers: what success looks like.
        scope: what the caller's API key must be good for; None is open to everyone, and counts for no rate limit.
        errors: problems of its own, by status, and when they occur.
        asks_others: whether a service behind the API takes part, even if no key is asked for.
        idempotent: whether an ``Idempotency-Key`` makes repeating safe.
        max_body: bytes that a body may have.
        body_type: the media type of the body that ``body`` is read from.
        upload: the JSON schema of a raw body by its media type, which the view reads itself.
        body: the model of the body, taken from the view's annotation.
        query: the model of the query, likewise.
    """

    method: str
    rule: str
    view: Callable[..., Any]
    answers: tuple[Answer, ...]
    scope: str | None = None
    errors: Mapping[int, str] = field(default_factory=dict)
    asks_others: bool = True
    idempotent: bool = False
    max_body: int = MAX_BODY
    body_type: str = JSON
    upload: Mapping[str, Mapping[str, Any]] | None = None
    body: type[BaseModel] | None = field(init=False)
    query: type[BaseModel] | None = field(init=False)

    def __post_init__(self) -> None:
        """Find the models.

        Raises:
            TypeError: the view takes something that is no model.
        """
        for name in ("body", "query"):
            object.__setattr__(self, name, self._model(name))

    def _model(self, name: str) -> type[BaseModel] | None:
        if name not in self.view.__annotations__:
            return None
        # This annotation alone: the others may name what is imported for type checkers only.
        this = SimpleNamespace(__annotations__={name: self.view.__annotations__[name]})
        model = get_type_hints(this, self.view.__globals__)[name]
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{self.view.__qualname__}: {name} must be annotated with a pydantic model")
        return model

    @property
    def name(self) -> str:
        """The view's name, unique within its blueprint."""
        return self.view.__name__

    @property
    def summary(self) -> str:
        """The first line of the view's docstring."""
        return (inspect.getdoc(self.view) or "").partition("\n")[0].rstrip(".")

    @property
    def description(self) -> str:
        """The rest of the docstring, without what is for programmers."""
        text = (inspect.getdoc(self.view) or "").partition("\n")[2]
        for heading in ("Args:", "Raises:", "Returns:"):
            text = text.partition(heading)[0]
        return text.strip()
