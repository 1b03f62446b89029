"""Two products of others on one server: they work there as on a laptop, and releases of both cost no request."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from cli.servers.manifest import Manifest
from tests.deploy.conftest import NEWEST
from tests.support import named, operators, own
from tests.support.cluster import inside
from tests.support.load import Visited
from tests.support.mail_server import MailServer
from tests.support.playbook import Inventory, play
from tests.support.products import (
    LOGIN,
    NAMES,
    PNG,
    READINESS,
    SENT,
    WORDS,
    ask_pretix_for_mail,
    ask_wagtail_for_mail,
    host_name,
    log_in_to_pretix,
    make_editor,
    move_in,
    style_sheet,
    upload_picture,
    workers,
)
from tests.support.releases import Checkout, running_release
from tests.support.scenario import NAME, RATE, visitors
from tests.support.upgrades import Work
from tests.support.waiting import SLOWNESS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.host import Host, Login, Network
    from tests.support.inbox import Inbox
    from tests.support.products import Account
    from tests.support.site import Site

#: It may wait: tests/products has the same on a laptop, and other tests here deploy the demo.
pytestmark = [pytest.mark.long, pytest.mark.parametrize("host", [NEWEST], indirect=True)]

#: The requests of visitors to each product.
VISITED = [Visited(host_name(name), ("page", "asset", LOGIN[name])) for name in NAMES]
#: Requests per second: their pages take longer than the demo's.
PRODUCTS_RATE = RATE / 3
#: The file of each product in which another line makes another release.
CODE = {"wagtail": "services/wagtail/app/local.py", "pretix": "services/pretix/app/static_files.py"}


@dataclass(frozen=True)
class Server:
    """A server with the products.

    Args:
        work: the checkout that it is deployed from.
        inventory: the machine.
        inbox: where its mail arrives.
        folder: a folder for its certificates.
    """

    work: Work
    inventory: Inventory
    inbox: Inbox
    folder: Path

    @property
    def host(self) -> Host:
        """The machine."""
        return self.inventory.managers[0]

    def visitor(self, name: str) -> Site:
        """Return somebody who comes to a host name of it."""
        return named.visitor(self.host.address, name, self.folder)

    def operator(self) -> Site:
        """Return somebody who has logged in to the console."""
        return operators.log_in(self.visitor(NAME), *operators.make(self.execute))

    def execute(self, service: str, *command: str) -> str:
        """Run a command in a container of a service, and return what it printed."""
        return inside(self.host, service, *command)

    def releases(self) -> dict[str, str]:
        """Return the release of each product that is desired."""
        return {name: running_release(self.inventory, name) for name in NAMES}


@pytest.fixture(scope="module")
def mail_server(network: Network) -> Iterator[MailServer]:
    """Yield the mail server of the server's owner."""
    server = MailServer.create(network)
    yield server
    server.remove()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, host: Host, login: Login, mail_server: MailServer) -> Server:
    """A bare machine that became a server with the products alone; its inventory names neither."""
    folder = tmp_path_factory.mktemp("products")
    work = Work(Checkout.create(folder / "landfast").directory)
    own.remove_demo(work)
    move_in(work)
    work.commit("The products in place of the demo")
    variables: dict[str, Any] = {
        "landfast_secrets": Manifest.read(work.root).complete({}),
        "landfast_settings": {**mail_server.settings, "MAIL_FROM": f"Landfast <hello@{NAME}>"},
        "edge_patience_seconds": round(60 * SLOWNESS),
    }
    inventory = Inventory((host,), login, variables=variables, checkout=work.root)
    run = play(inventory, "site")
    print(f"site.yml with both products on a bare machine: {run.seconds:.0f} s")
    return Server(work, inventory, mail_server.inbox, folder)


@pytest.fixture(scope="module")
def editor(server: Server) -> Account:
    """The first account of Wagtail."""
    return make_editor(server.execute)


@pytest.fixture(scope="module")
def picture(server: Server, editor: Account) -> str:
    """The address of a picture that an editor has uploaded."""
    site = server.visitor(host_name("wagtail"))
    site.log_in(editor.name, editor.password, LOGIN["wagtail"])
    return upload_picture(site)


@pytest.mark.parametrize("name", NAMES)
def test_its_first_page_is_at_its_own_name(server: Server, name: str) -> None:
    page = server.visitor(host_name(name)).get("/")

    assert page.status_code == HTTPStatus.OK
    assert WORDS[name] in page.text


def test_both_are_ready(server: Server) -> None:
    report = server.visitor(NAME).get("/readyz").json()

    assert report["status"] == "ready", report
    assert set(report["dependencies"]) >= READINESS


@pytest.mark.parametrize("name", NAMES)
def test_its_pages_find_their_static_files(server: Server, name: str) -> None:
    answer = style_sheet(server.visitor(host_name(name)), LOGIN[name])

    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["Content-Type"].startswith("text/css")


def test_wagtail_keeps_a_picture_and_nginx_serves_it(server: Server, picture: str) -> None:
    answer = server.visitor(host_name("wagtail")).get(picture)

    assert (answer.content, answer.headers["Content-Type"]) == (PNG, "image/png")


def test_wagtail_sends_mail_with_links_to_its_own_name(server: Server, editor: Account) -> None:
    mail = ask_wagtail_for_mail(server.visitor(host_name("wagtail")), editor, server.inbox)

    assert mail.link.startswith(f"https://{host_name('wagtail')}/admin/password_reset/confirm/")
    assert mail.sender == f"hello@{NAME}"


def test_somebody_logs_in_to_pretix_with_the_password_of_the_vault(server: Server) -> None:
    site = server.visitor(host_name("pretix"))

    log_in_to_pretix(site, server.inventory.variables["landfast_secrets"]["pretix_admin_password"])

    assert site.get("/control/").status_code == HTTPStatus.OK


def test_pretix_s_worker_sends_mail_with_links_to_its_own_name(server: Server) -> None:
    link = ask_pretix_for_mail(server.visitor(host_name("pretix")), server.inbox).link

    assert link.startswith(f"https://{host_name('pretix')}/control/forgot/recover?")
    wait_until(lambda: SENT.search(log(server, "pretix-worker")), 20, "the worker to say that it is done")


def log(server: Server, service: str) -> str:
    """Return the log lines of a service."""
    return server.host.run("docker", "service", "logs", "--raw", f"landfast_{service}")


def test_operators_see_pretix_worker_in_the_flower_of_its_vhost(server: Server) -> None:
    operator = server.operator()

    assert operator.get("/flower/vhost/pretix/").status_code == HTTPStatus.OK
    wait_until(lambda: len(workers(operator)) == 1, 30, lambda: f"one worker: {workers(operator)}")


def test_strangers_see_no_flower(server: Server) -> None:
    assert server.visitor(NAME).get("/flower/vhost/pretix/").status_code == HTTPStatus.FOUND


def test_a_mistake_in_nginx_extra_is_refused_with_its_line_before_anything_changes(server: Server) -> None:
    def containers() -> set[str]:
        return set(server.host.run("docker", "ps", "--quiet").split())

    before = containers()
    server.work.write({"services/wagtail/nginx.extra": "location = /teapot { return 418; }\n}\n"})
    server.work.commit()

    run = play(server.inventory, "deploy", check=False)

    assert run.code != 0
    assert "/run/secrets/wagtail.nginx.extra:2" in run.output, run.output
    assert "still serves" in run.output, run.output
    assert containers() == before
    server.work.git("reset", "--quiet", "--hard", "HEAD~1")


def test_a_deploy_of_both_and_the_rollback_fail_no_request(server: Server, editor: Account, picture: str) -> None:
    before = server.releases()
    for file in CODE.values():
        server.work.write({file: f"{server.work.read(file)}\nTRIAL = 1\n"})
    server.work.commit()

    with visitors(server.inventory, "a deploy of two products", applications=VISITED, rate=PRODUCTS_RATE):
        play(server.inventory, "deploy")
    after = server.releases()
    assert all(after[name] != before[name] for name in NAMES), after

    with visitors(server.inventory, "the rollback of two products", applications=VISITED, rate=PRODUCTS_RATE):
        play(server.inventory, "rollback")
    assert server.releases() == before

    site = server.visitor(host_name("wagtail"))
    site.log_in(editor.name, editor.password, LOGIN["wagtail"])
    assert site.get(picture).content == PNG
