"""The judgement of the API's answers to hostile requests, as they reach it from uWSGI."""

from __future__ import annotations

from landfast_testing.wsgi import Answer, send

__all__ = ["Answer", "check", "send"]

#: What answers say of themselves when they hold JSON.
DOCUMENTS = ("application/json", "application/vnd.api+json", "application/problem+json")
PROBLEM = DOCUMENTS[-1]


def check(answer: Answer) -> Answer:
    """See that the caller is told what they did wrong, in a document that every reader of JSON can read."""
    assert answer.status < 500, answer
    kind = answer.headers.get("Content-Type", "")
    if answer.status >= 400:
        assert kind == PROBLEM, answer
    if kind in DOCUMENTS and answer.body:
        assert answer.json is not None
    return answer
