"""A clone that runs takes a release: its applications and their data stay, and a task on its way ends."""

from __future__ import annotations

import os
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from tests.support import own, secrets
from tests.support.command import run
from tests.support.forms import wait_ready
from tests.support.leftovers import remove_leftovers, remove_project
from tests.support.own import BLOG, SHOP, Visitor
from tests.support.site import Site
from tests.support.stack import PREFIX, Ports, Stack
from tests.support.timing import measured
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.upgrades import Work

# A stack of its own, built twice; tests/cli has the merge in all its kinds.
pytestmark = pytest.mark.long

#: A letter that the worker has answered before, and one that waits for it while the release comes.
ANSWERED, WAITING = "ada", "grace"
#: A setting of the user's that a container shows.
KEPT = "7"


@dataclass(frozen=True)
class Clone:
    """A clone that runs.

    Args:
        work: its repository.
        stack: its containers.
    """

    work: Work
    stack: Stack

    @property
    def visitor(self) -> Visitor:
        """Somebody who comes to its applications."""
        return Visitor(self.at)

    def at(self, application: str) -> Site:
        """Return somebody who comes to one of them."""
        site = Site(self.stack.http_url)
        site.session.headers["Host"] = f"{application}.localhost:{self.stack.ports.http}"
        return site

    def up(self) -> None:
        """Start it as its owner does."""
        with measured("./stack up of a clone"):
            done = run(self.stack, "up", "--yes")
        assert done.returncode == 0, done.stdout
        wait_ready(self.stack)

    def ask(self, statement: str) -> str:
        """Ask the shared database."""
        psql = ("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--command", statement)
        return self.stack.execute("postgres", *psql, "landfast").strip()

    def waiting(self) -> bool:
        """Return whether a message waits for the shop's worker."""
        listing = ("rabbitmqctl", "--quiet", "list_queues", "--no-table-headers", f"--vhost={SHOP}", "name", "messages")
        return "celery\t1" in self.stack.execute("rabbitmq", *listing).splitlines()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone of release 1.0.0 that runs with applications of its own, while 1.1.0 is out."""
    remove_leftovers()
    folder = tmp_path_factory.mktemp("upgrade")
    ports = Ports.free()
    work = own.releases(folder / "landfast").clone(folder / "my clone")
    clone = Clone(work, Stack(f"{PREFIX}{os.getpid()}-own", work.root, ports))
    names = ("COMPOSE_PROJECT_NAME", "HTTP_PORT", "HTTPS_PORT", "MAIL_PORT", "PUBLIC_URL")
    settings = {name: clone.stack.environment[name] for name in names}
    own.move_in(work, {**settings, "OUTBOX_KEEP_DEAD": KEPT})
    try:
        clone.up()
        yield clone
    finally:
        remove_project(clone.stack.project)


@pytest.fixture(scope="module")
def before(clone: Clone) -> dict[str, bytes]:
    """The user's files before the upgrade, which has been made: data were written, and a task was on its way."""
    clone.visitor.send(ANSWERED)
    wait_until(lambda: f"answer to {ANSWERED}" in clone.visitor.names(), 60, "the worker to answer")
    clone.ask(own.WRITE_TASK)
    clone.stack.stop(f"{SHOP}-worker")
    clone.visitor.send(WAITING)
    wait_until(clone.waiting, 20, "the task to be in its queue")
    files = own.mine(clone.work)

    said = clone.work.upgraded()
    assert "Landfast 1.0.0 -> 1.1.0" in said
    clone.up()
    return files


@pytest.fixture
def upgraded(clone: Clone, before: dict[str, bytes]) -> Clone:
    """The clone, with the release."""
    assert before
    return clone


def test_the_release_runs(upgraded: Clone) -> None:
    stack = upgraded.stack

    assert stack.inspect("nginx")["Config"]["Labels"][own.LABEL] == "1.1.0"
    assert "# of 1.1.0" in stack.execute("nginx", "cat", "/etc/nginx/snippets/server.conf")
    assert secrets.show(stack, own.SECRET)
    assert upgraded.work.git("status", "--porcelain") == ""


def test_the_users_files_are_the_same_byte_for_byte_and_the_demo_stays_away(
    clone: Clone, before: dict[str, bytes]
) -> None:
    assert own.mine(clone.work) == before
    assert [file.parent.name for file in own.rooms(clone.work.root)] == [BLOG, SHOP]
    assert f"OUTBOX_KEEP_DEAD={KEPT}" in clone.stack.inspect("relay")["Config"]["Env"]


def test_rows_and_uploads_are_there(upgraded: Clone) -> None:
    assert upgraded.visitor.names() >= {ANSWERED, f"answer to {ANSWERED}", WAITING}
    assert [upgraded.visitor.file(name) for name in (ANSWERED, WAITING)] == [b"ada", b"grace"]


def test_a_task_that_was_on_its_way_ends(upgraded: Clone) -> None:
    wait_until(lambda: f"answer to {WAITING}" in upgraded.visitor.names(), 60, "the worker to answer")


def test_a_durable_task_is_there_in_the_releases_tables(upgraded: Clone) -> None:
    assert upgraded.ask(own.READ_TASK) == f"{own.ARGUMENTS} true"


def test_pages_answer(upgraded: Clone) -> None:
    for application in (SHOP, BLOG):
        page = upgraded.visitor.at(application).get("/")
        assert (page.status_code, f"<h1>{application}</h1>" in page.text) == (HTTPStatus.OK, True)
