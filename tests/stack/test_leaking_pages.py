"""Processes of site and API whose requests leak are renewed in time: no request fails, no container is killed."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support.site import Site
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from tests.support.stack import Stack

VISITORS = 6
BODY = b"x" * 70_000


@pytest.mark.parametrize(("service", "path"), [("web-django", "/lengthy/leak"), ("api-flask", "/api/lengthy/leak")])
def test_processes_whose_requests_leak_are_renewed_and_no_request_fails(
    lengthy: Stack, service: str, path: str
) -> None:
    before = lengthy.inspect(service)
    requests = (before["HostConfig"]["Memory"] >> 20) + 16  # together they leak more MiB than the container has
    site = Site(lengthy.http_url)

    def visit(number: int) -> str:
        """Send a request, one in three with a body, and return the process that answered."""
        body = BODY if number % 3 == 0 else b""
        answer = site.request("POST" if body else "GET", path, data=body, timeout=PATIENCE * 60)
        assert answer.status_code == 200, answer.text
        process, size = answer.text.split()
        assert int(size) == len(body)
        return process

    with ThreadPoolExecutor(VISITORS) as pool:
        lives = Counter(pool.map(visit, range(requests)))

    print(f"{service}: {requests} requests by {len(lives)} processes, {max(lives.values())} by one at most")
    assert len(lives) > 2, "none was renewed"
    after = lengthy.inspect(service)
    assert not after["State"]["OOMKilled"]
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]
    wait_until(lambda: lengthy.inspect(service)["State"]["Health"]["Status"] == "healthy", 60, "health")
