"""Fixtures of the tests that deploy the stack to machines. tests/README.md explains them."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.servers.manifest import Manifest
from tests.support.host import USER, Host, Login, Network, machines
from tests.support.host_image import DEBIAN_12, DEBIAN_13
from tests.support.leftovers import remove_leftovers
from tests.support.playbook import Inventory
from tests.support.stack import CommandError
from tests.support.waiting import SLOWNESS

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

#: One machine of each kind: on the one root logs in, as with some providers, on the other a user with sudo.
NEWEST, OLDER = "debian-13", "debian-12"
SINGLE = {NEWEST: (DEBIAN_13, "root", 1), OLDER: (DEBIAN_12, USER, 2)}
CLUSTER = 3


@pytest.fixture(scope="module")
def login() -> Iterator[Login]:
    """Yield the key for a module's hosts. Each module has its own: the next module's hosts reuse the addresses."""
    directory = Path(tempfile.mkdtemp(prefix="lf-", dir="/tmp"))
    yield Login.create(directory)
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """Yield the network of all hosts of this run."""
    remove_leftovers()
    network = Network.create()
    yield network
    network.remove()


@pytest.fixture(scope="module", params=[NEWEST, pytest.param(OLDER, marks=pytest.mark.long)])
def host(request: pytest.FixtureRequest, network: Network, login: Login) -> Iterator[Host]:
    """Yield a bare machine, once with each Debian; the tests of a module take it from bare to running."""
    release, user, number = SINGLE[str(request.param)]
    host = Host(f"single-{number}", network.address(number), release, user)
    try:
        host.create(network, login.public_key)
        yield host
    finally:
        host.remove()


@pytest.fixture
def single(host: Host, login: Login, secrets: dict[str, Any]) -> Inventory:
    """Return the inventory of the one machine, with its own secrets; on a slow machine visitors wait longer."""
    patience = round(60 * SLOWNESS)
    variables = {"landfast_secrets": secrets, "release_allow_dirty": True, "edge_patience_seconds": patience}
    return Inventory((host,), login, variables=variables)


@pytest.fixture(scope="session")
def secrets() -> dict[str, Any]:
    """Return the secrets of a vault."""
    return dict(Manifest.read().complete({}))


@pytest.fixture(scope="module")
def cluster(network: Network, login: Login) -> Iterator[Inventory]:
    """Yield three bare machines: a manager and two workers."""
    hosts = list(machines(CLUSTER, network))
    try:
        for each in hosts:
            each.create(network, login.public_key)
        yield Inventory((hosts[0],), login, tuple(hosts[1:]))
    finally:
        for each in hosts:
            each.remove()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the hosts' journals to the report of a test that failed."""
    report = yield
    if report.failed:
        inventories = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Inventory)]
        for host in {host for inventory in inventories for host in inventory.hosts}:
            with suppress(CommandError):  # the host may have been killed
                report.sections.append((host.name, host.journal()))
    return report
