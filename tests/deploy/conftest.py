"""Fixtures of the tests that put the stack on machines. tests/README.md explains them."""

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

#: One machine of each kind: root logs in on the one, as some providers have it, a user with sudo on the other.
NEWEST, OLDER = "debian-13", "debian-12"
SINGLE = {NEWEST: (DEBIAN_13, "root", 1), OLDER: (DEBIAN_12, USER, 2)}
CLUSTER = 3


@pytest.fixture(scope="module")
def login() -> Iterator[Login]:
    """The key that a module's hosts know, in a folder with a short path; the next module's have the same addresses."""
    directory = Path(tempfile.mkdtemp(prefix="lf-", dir="/tmp"))
    yield Login.create(directory)
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """The network that all hosts of this run are in."""
    remove_leftovers()
    network = Network.create()
    yield network
    network.remove()


@pytest.fixture(scope="module", params=[NEWEST, pytest.param(OLDER, marks=pytest.mark.long)])
def host(request: pytest.FixtureRequest, network: Network, login: Login) -> Iterator[Host]:
    """A bare machine, once with each Debian; the tests of a module go from bare to running on it."""
    release, user, number = SINGLE[str(request.param)]
    host = Host(f"single-{number}", network.address(number), release, user)
    try:
        host.create(network, login.public_key)
        yield host
    finally:
        host.remove()


@pytest.fixture
def single(host: Host, login: Login, secrets: dict[str, Any]) -> Inventory:
    """The inventory of the one machine, with secrets of its own; on a slow machine visitors are more patient."""
    patience = round(60 * SLOWNESS)
    variables = {"landfast_secrets": secrets, "release_allow_dirty": True, "edge_patience_seconds": patience}
    return Inventory((host,), login, variables=variables)


@pytest.fixture(scope="session")
def secrets() -> dict[str, Any]:
    """What a vault holds."""
    return dict(Manifest.read().complete({}))


@pytest.fixture(scope="module")
def cluster(network: Network, login: Login) -> Iterator[Inventory]:
    """Three bare machines: a manager and two workers."""
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
            with suppress(CommandError):  # it may be the one that was killed
                report.sections.append((host.name, host.journal()))
    return report
