"""Long addresses: an answer that repeats one, such as a redirect to a login, is larger than the request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.site import Site

if TYPE_CHECKING:
    from tests.support.stack import Stack

#: Nginx accepts request lines up to 8 KB; a percent sign and a quotation mark get longer when they are quoted.
QUERIES = {"letters": "a" * 7000, "percent": "%25" * 2300, "quotation": "%22" * 2300}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("path", ["/admin/", "/accounts/profile/", "/console/", "/flower/", "/rabbitmq/", "/search"])
def test_a_redirect_repeats_the_longest_address_that_is_accepted(stack: Stack, path: str, query: str) -> None:
    response = Site(stack.http_url).get(f"{path}?{QUERIES[query]}")

    assert response.status_code in {301, 302, 308}, response.status_code
    assert len(response.headers["Location"]) > len(QUERIES[query])
