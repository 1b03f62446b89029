"""A change on servers under load: its cost is measured, and no request may fail and no task be lost."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.load import Load, Visited
from tests.support.releases import Checkout
from tests.support.waiting import SLOWNESS, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.support.load import Failure
    from tests.support.playbook import Inventory

#: The site's name in the inventories of tests.
NAME = "landfast.test"
#: Settings for a load whose visitors all have one address.
MANY_VISITORS = {
    "EDGE_WRITE_RATE": 1000,
    "EDGE_WRITE_BURST": 10_000,
    "EDGE_CONNECTIONS": 10_000,
    "API_ADDRESS_RATE_LIMIT": 1_000_000,
}
#: Requests per second: an idle reference machine could serve more.
RATE = float(os.environ.get("DEPLOY_RATE") or 60) / SLOWNESS
#: Seconds of load before a change, for comparison, and after it.
BEFORE, AFTER = 15.0, 10.0
#: A file of the site that takes a slow visitor 20 s, its size, and its path in a checkout.
DOWNLOAD, SIZE = "/static/news/trial.bin", 5 << 20
_FILE = f"services/web-django/news{DOWNLOAD}"
DEMO = Visited(NAME, download=DOWNLOAD, size=SIZE)
#: The file in which another line makes another release.
PAGE = "services/web-django/news/views.py"


def with_download(directory: Path) -> Checkout:
    """Return a clone of this repository with a large file of the site.

    Args:
        directory: the folder of the clone.
    """
    checkout = Checkout.create(directory)
    checkout.commit({_FILE: os.urandom(SIZE)})
    return checkout


@contextmanager
def visitors(
    site: Inventory,
    scenario: str,
    *,
    applications: Sequence[Visited] = (DEMO,),
    rate: float = RATE,
    may_fail: Callable[[Failure], bool] = lambda _: False,
    before: float = BEFORE,
    after: float = AFTER,
) -> Iterator[Load]:
    """Put load on the site during the block, print the line, and assert that no request failed and no task is lost.

    Args:
        site: the site.
        scenario: the name of the scenario.
        applications: what the visitors visit.
        rate: their requests per second.
        may_fail: whether the scenario allows a failure.
        before: seconds of load before the block, to compare with.
        after: seconds of load after it.
    """
    with Load([host.address for host in site.hosts], applications, rate) as load:
        time.sleep(before)  # this span of load is itself the measurement
        began = time.monotonic()
        yield load
        ended = time.monotonic()
        time.sleep(after)
    log = load.log
    failures = [each for each in log.failures if not may_fail(each)]
    wait_until(lambda: not missing(site, log.accepted), 180, "every task to complete", interval=2)
    each_got = ", ".join(f"{count} to {name}" for name, count in sorted(log.visits.items()))
    print(
        f"{scenario}: {len(log.answered)} requests ({each_got}), {len(log.failures)} failures"
        f"{f' of which {len(failures)} count' if len(failures) != len(log.failures) else ''}, "
        f"tasks {len(log.accepted)} accepted, {len(log.accepted) - len(missing(site, log.accepted))} completed, "
        f"p99 {log.p99(0, began) * 1000:.0f} ms before, {log.p99(began, ended) * 1000:.0f} ms during, "
        f"{ended - began:.0f} s",
        *(f"  {each.began - began:+.1f} s {each}" for each in log.failures[:20]),
        sep="\n",
        flush=True,
    )
    assert not failures
    assert set(log.visits) == {each.name for each in applications}


_WANTED = "CREATE TEMP TABLE wanted (id uuid); COPY wanted FROM stdin;"
_MISSING = """
    SELECT id FROM wanted
    WHERE NOT EXISTS (SELECT FROM outbox.task WHERE task.id = wanted.id AND completed_at IS NOT NULL);
"""


def missing(site: Inventory, ids: list[str]) -> list[str]:
    """Return the tasks that are not completed in the outbox."""
    manager = site.managers[0]
    manager.write("/run/ids.sql", "\n".join([_WANTED, *ids, "\\.", _MISSING]))
    script = (
        "docker exec -i $(docker ps -q -f label=com.docker.swarm.service.name=landfast_postgres) "
        "psql --no-psqlrc -qAt landfast < /run/ids.sql"
    )
    return manager.run("sh", "-c", script).split()
