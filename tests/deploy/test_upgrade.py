"""A server of a clone with applications of its own takes a release, and goes back: data stay, and tasks end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from cli.servers.manifest import Manifest
from tests.deploy.conftest import NEWEST
from tests.support import named, own
from tests.support.cluster import inside
from tests.support.load import Visited
from tests.support.own import BLOG, SHOP, Visitor
from tests.support.playbook import Inventory, play
from tests.support.releases import running_release
from tests.support.scenario import NAME, RATE, visitors
from tests.support.waiting import SLOWNESS, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.host import Host, Login
    from tests.support.upgrades import Work

#: It may wait: tests/stack has the same on a laptop.
pytestmark = [pytest.mark.long, pytest.mark.parametrize("host", [NEWEST], indirect=True)]

#: A letter that the worker has answered before, one that waits for it while the release comes, and one after the
#: rollback.
ANSWERED, WAITING, AFTERWARDS = "ada", "grace", "edith"


@dataclass(frozen=True)
class Server:
    """A server and the clone that it is deployed from.

    Args:
        work: the clone.
        inventory: the machine.
        visitor: somebody who comes to its applications.
    """

    work: Work
    inventory: Inventory
    visitor: Visitor

    def inside(self, service: str, *command: str) -> str:
        """Run a command in a container of a service, and return what it printed."""
        return inside(self.inventory.managers[0], service, *command)

    def ask(self, statement: str) -> str:
        """Ask the shared database."""
        psql = ("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--command", statement)
        return self.inside("postgres", *psql, "landfast").strip()

    def waiting(self) -> bool:
        """Return whether a message waits for the shop's worker."""
        listing = ("rabbitmqctl", "--quiet", "list_queues", "--no-table-headers", f"--vhost={SHOP}", "name", "messages")
        return "celery\t1" in self.inside("rabbitmq", *listing).splitlines()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, host: Host, login: Login) -> Server:
    """A server that runs a clone of release 1.0.0 with applications of its own, while 1.1.0 is out."""
    folder: Path = tmp_path_factory.mktemp("upgrade")
    work = own.releases(folder / "landfast").clone(folder / "my clone")
    own.move_in(work, {})
    variables: dict[str, Any] = {
        "landfast_secrets": Manifest.read(work.root).complete({}),
        "landfast_domains": [NAME, *(f"{name}.localhost" for name in (SHOP, BLOG))],
        "edge_patience_seconds": round(60 * SLOWNESS),
        "release_checks": [{"path": "/healthz"}, {"path": "/readyz"}],
    }
    inventory = Inventory((host,), login, variables=variables, checkout=work.root)
    play(inventory, "site")
    visitor = Visitor(lambda application: named.visitor(host.address, f"{application}.localhost", folder))
    return Server(work, inventory, visitor)


@pytest.fixture(scope="module")
def upgraded(server: Server) -> Server:
    """The server with the release: before it, data were written, and a task was on its way."""
    host = server.inventory.managers[0]
    server.visitor.send(ANSWERED)
    wait_until(lambda: f"answer to {ANSWERED}" in server.visitor.names(), 60, "the worker to answer")
    server.ask(own.WRITE_TASK)
    host.run("docker", "service", "scale", f"landfast_{SHOP}-worker=0")
    server.visitor.send(WAITING)
    wait_until(server.waiting, 60, "the task to be in its queue")
    files, before = own.mine(server.work), running_release(server.inventory, "nginx")

    server.work.upgraded()
    assert own.mine(server.work) == files
    known = server.inventory.variables
    new = Manifest.read(server.work.root).complete(known["landfast_secrets"])  # as secrets.yml has it
    after = replace(server, inventory=replace(server.inventory, variables={**known, "landfast_secrets": new}))
    for playbook in ("site", "deploy"):
        play(after.inventory, playbook)
    assert running_release(after.inventory, "nginx") != before
    return after


def test_a_task_that_was_on_its_way_ends(upgraded: Server) -> None:
    wait_until(lambda: f"answer to {WAITING}" in upgraded.visitor.names(), 60, "the worker to answer")


def test_rows_uploads_and_a_durable_task_are_there(upgraded: Server) -> None:
    assert upgraded.visitor.names() >= {ANSWERED, f"answer to {ANSWERED}", WAITING}
    assert [upgraded.visitor.file(name) for name in (ANSWERED, WAITING)] == [b"ada", b"grace"]
    assert upgraded.ask(own.READ_TASK) == f"{own.ARGUMENTS} true"


def test_pages_answer_and_everything_is_ready(upgraded: Server, tmp_path: Path) -> None:
    for application in (SHOP, BLOG):
        page = upgraded.visitor.at(application).get("/")
        assert (page.status_code, f"<h1>{application}</h1>" in page.text) == (HTTPStatus.OK, True)
    ready = named.visitor(upgraded.inventory.managers[0].address, NAME, tmp_path).get("/readyz")
    assert ready.json()["status"] == "ready"


def test_a_rollback_to_the_release_before_fails_no_request(upgraded: Server) -> None:
    before = running_release(upgraded.inventory, "nginx")
    applications = [Visited(f"{name}.localhost", ("page",)) for name in (SHOP, BLOG)]

    with visitors(upgraded.inventory, "the rollback of an upgrade", applications=applications, rate=RATE / 3):
        play(upgraded.inventory, "rollback")

    assert running_release(upgraded.inventory, "nginx") != before
    upgraded.visitor.send(AFTERWARDS)
    wait_until(lambda: f"answer to {AFTERWARDS}" in upgraded.visitor.names(), 60, "the worker to answer")
    assert upgraded.visitor.names() >= {ANSWERED, WAITING}
