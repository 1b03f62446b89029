"""The declaration of one route: its requests, its responses, its access."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import BaseModel

from api.limits import SAFE
from api.routes.answering import JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The default of the most bytes of a request body.
MAX_BODY = 16 * 1024


@dataclass(frozen=True)
class Answer:
    """A successful response.

    Args:
        status: its HTTP status.
        description: its description.
        model: the model of its JSON document; without one there is no body, or ``content`` describes it.
        content: the JSON schema of a body by its media type, for a body without a model.
        headers: its headers, with their descriptions.
        media_type: the media type of the model's document.
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
        rule: the path after the prefix, in Flask's syntax.
        view: the view function.
        answers: the successful responses.
        scope: the scope that the caller's API key must have; None is open to everyone, and limited by the caller's
            address if it changes something.
        errors: its own problems by status, with their causes.
        needs_services: whether it uses a service behind the API, even if no key is needed.
        idempotent: whether an ``Idempotency-Key`` makes repetition safe.
        max_body: the most bytes of a body.
        body_type: the media type of the body for ``body``.
        upload: the JSON schema of a raw body by its media type, which the view reads itself.
        counted: whether it counts towards the caller's rate limit.
        body: the model of the body, from the view's annotation.
        query: the model of the query, likewise.
    """

    method: str
    rule: str
    view: Callable[..., Any]
    answers: tuple[Answer, ...]
    scope: str | None = None
    errors: Mapping[int, str] = field(default_factory=dict)
    needs_services: bool = True
    idempotent: bool = False
    max_body: int = MAX_BODY
    body_type: str = JSON
    upload: Mapping[str, Mapping[str, Any]] | None = None
    counted: bool = True
    body: type[BaseModel] | None = field(init=False)
    query: type[BaseModel] | None = field(init=False)

    def __post_init__(self) -> None:
        """Find the models.

        Raises:
            TypeError: the view has an argument without a model.
        """
        for name in ("body", "query"):
            object.__setattr__(self, name, self._model(name))

    def _model(self, name: str) -> type[BaseModel] | None:
        if name not in self.view.__annotations__:
            return None
        # Only this annotation: the others may have names that are imported only for type checkers.
        this = SimpleNamespace(__annotations__={name: self.view.__annotations__[name]})
        model = get_type_hints(this, self.view.__globals__)[name]
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise TypeError(f"{self.view.__qualname__}: {name} must be annotated with a pydantic model")
        return model

    @property
    def is_limited(self) -> bool:
        """Whether its requests are counted."""
        return self.counted and (self.scope is not None or self.method not in SAFE)

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
        """The rest of the docstring, without its sections for programmers."""
        text = (inspect.getdoc(self.view) or "").partition("\n")[2]
        for heading in ("Args:", "Raises:", "Returns:"):
            text = text.partition(heading)[0]
        return text.strip()
