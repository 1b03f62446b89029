"""The marks of each page of the shipped stack, as on servers, by MDN's HTTP Observatory: others' work, unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import log_in_to_console
from tests.support.edge import Edge, edge
from tests.support.forms import NAME
from tests.support.observatory import OTHERS, OURS, Marks, scan
from tests.support.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.stack import Stack


@pytest.fixture(scope="module")
def named(shipped: Stack, certificates: Path) -> Iterator[Edge]:
    """The site's edge as on servers: HTTPS only, with a name."""
    with edge(shipped, certificates, HTTPS_ONLY="true") as found:
        yield found


@pytest.fixture(scope="module")
def marks(image: None, named: Edge, certificates: Path) -> dict[str, Marks]:  # noqa: ARG001 - the image has to exist
    """Return the marks of each of our pages, for strangers."""
    return scan(f"{NAME}:{named.https}", OURS, certificates / "authority")


@pytest.fixture(scope="module")
def marks_for_operators(
    image: None,  # noqa: ARG001 - it has to exist
    shipped: Stack,
    named: Edge,
    certificates: Path,
    trusting: Callable[[Stack], Site],
) -> dict[str, Marks]:
    """Return the marks of the pages of others, for an operator."""
    session = log_in_to_console(shipped, trusting(shipped)).session.cookies["console_session"]
    return scan(f"{NAME}:{named.https}", OTHERS, certificates / "authority", f"console_session={session}")


@pytest.mark.parametrize("page", OURS)
def test_a_page_of_ours_has_the_most_points(marks: dict[str, Marks], page: str) -> None:
    print(f"{page}: {marks[page]}")

    assert (marks[page].status, marks[page].grade) == (200, "A+")
    assert marks[page].score >= OURS[page], marks[page]


@pytest.mark.parametrize("page", OTHERS)
def test_a_page_of_others_has_the_best_grade(marks_for_operators: dict[str, Marks], page: str) -> None:
    print(f"{page}: {marks_for_operators[page]}")

    assert (marks_for_operators[page].status, marks_for_operators[page].grade) == (200, "A+")
    assert marks_for_operators[page].score >= OTHERS[page], marks_for_operators[page]


def test_graphiql_may_run_nothing_inline_either(stack: Stack) -> None:
    # Servers do not have this page, so the Observatory cannot scan it there.
    page = Site(stack.http_url).get("/graphql/", headers={"Accept": "text/html"})

    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self' 'sha256-")
    assert "unsafe" not in policy


def test_browsers_are_told_to_use_https_alone_where_the_site_has_a_name(
    shipped: Stack, trusting: Callable[[Stack], Site]
) -> None:
    site = trusting(shipped)
    without = site.get("/healthz", headers={"Host": NAME})
    with edge(shipped, HTTPS_ONLY="true") as strict:
        site.url = f"https://localhost:{strict.https}"
        hosts = (NAME, "localhost", "a.localhost", "127.0.0.1", "[::1]")
        answers = {host: site.get("/healthz", headers={"Host": host}) for host in hosts}
        plain = Site(strict.url).get("/healthz", headers={"Host": NAME})

    assert answers.pop(NAME).headers["Strict-Transport-Security"] == "max-age=31536000"
    for host, answer in answers.items():
        assert "Strict-Transport-Security" not in answer.headers, f"{host}: all projects of a developer share it"
    assert "Strict-Transport-Security" not in without.headers, "a stack that also speaks plain HTTP"
    assert "Strict-Transport-Security" not in plain.headers, "RFC 6797, section 7.2"
