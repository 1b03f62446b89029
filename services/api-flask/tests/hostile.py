"""Checks of the API's responses to hostile requests, which it gets as from uWSGI."""

from __future__ import annotations

from landfast_testing.wsgi import Answer, send

__all__ = ["Answer", "check", "send"]

#: Media types of JSON responses.
DOCUMENTS = ("application/json", "application/vnd.api+json", "application/problem+json")
PROBLEM = DOCUMENTS[-1]


def check(answer: Answer) -> Answer:
    """Check that the response describes the caller's error, in a document that every JSON reader can read."""
    assert answer.status < 500, answer
    kind = answer.headers.get("Content-Type", "")
    if answer.status >= 400:
        assert kind == PROBLEM, answer
    if kind in DOCUMENTS and answer.body:
        assert answer.json is not None
    return answer
