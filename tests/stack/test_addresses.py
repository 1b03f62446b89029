"""Addresses without their last slash, and addresses that nobody answers at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.site import Site


@pytest.mark.parametrize("path", ["/api", "/flower", "/rabbitmq"])
def test_it_leads_to_the_slash_that_a_path_lacks(site: Site, path: str) -> None:
    response = site.get(path)

    assert (response.status_code, response.headers["Location"]) == (308, f"{path}/")


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/nothing", "/rest/nothing/", "/graphql/nothing/"])
def test_it_says_to_programs_in_json_that_nothing_is_there(site: Site, path: str) -> None:
    response = site.get(path)

    assert response.status_code == 404
    assert response.headers["Content-Type"].partition(";")[0] in {"application/json", "application/problem+json"}
    assert isinstance(response.json(), dict)
