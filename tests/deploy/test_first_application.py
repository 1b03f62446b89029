"""The lines of a newcomer's page, pasted as they stand: from a new project to its page on a laptop and on a server."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from tests.deploy.conftest import NEWEST
from tests.support import django_project, secrets
from tests.support.forms import wait_ready
from tests.support.leftovers import remove_project
from tests.support.pasting import editor, paste, shell_blocks
from tests.support.releases import Checkout
from tests.support.requesting import fetch
from tests.support.scenario import NAME
from tests.support.stack import PREFIX, ROOT, Stack
from tests.support.upgrades import GIT, Work
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.host import Host, Login

#: It may wait: a stack and a server for one page. tests/cli has what its commands make.
pytestmark = [pytest.mark.long, pytest.mark.parametrize("host", [NEWEST], indirect=True)]

SERVER = ROOT / "docs/tutorial/first-server.md"
PAGE = ROOT / "docs/tutorial/first-application.md"
#: The application's name on servers, as the page has it.
SHOP = "shop.example.org"
#: Seconds for a page.
ANSWER = 15


@dataclass(frozen=True)
class Newcomer:
    """Somebody with a checkout, a shell and an account on a server.

    Args:
        stack: what they run on this machine.
        login: how they get onto the server.
        variables: what their shell knows.
    """

    stack: Stack
    login: Login
    variables: dict[str, str]

    def paste(self, commands: list[str]) -> str:
        """Paste commands into a new shell in the checkout, and return what it printed."""
        return paste(commands, self.stack.directory, self.login, self.variables)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory, login: Login, host: Host) -> Iterator[Newcomer]:
    """Somebody who has Django, and has done what the page asks for: the first steps towards a server."""
    folder: Path = tmp_path_factory.mktemp("newcomer")
    checkout = Checkout.create(folder / "landfast").directory
    for name in ("home", "bin"):
        (folder / name).mkdir()
    programs = [django_project.program(folder / "bin", folder), checkout / ".venv/ansible/bin"]
    stack = Stack(f"{PREFIX}{os.getpid()}-newcomer", checkout)
    variables = {
        **GIT,
        **stack.environment,
        "HOME": str(folder / "home"),
        "EDITOR": str(editor(folder, host, login, SHOP)),
        "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]]),
        "ANSIBLE_VAULT_PASSWORD_FILE": str(folder / "home/.landfast-vault"),
    }
    newcomer = Newcomer(stack, login, variables)
    try:
        newcomer.paste([block for block in shell_blocks(SERVER) if "site.yml" not in block])
        yield newcomer
    finally:
        remove_project(stack.project)


@pytest.fixture(scope="module")
def steps() -> tuple[list[str], list[str]]:
    """The blocks of the page: those for this machine, and the one for the server."""
    *here, there = shell_blocks(PAGE)
    return here, [there]


def visit(port: int, name: str, path: str, authority: str) -> str:
    """Return the answer of this machine to somebody who asks for a page by HTTPS and trusts one authority alone.

    Args:
        port: where it answers.
        name: the application's host name, which the certificate must have.
        path: the page.
        authority: the authority's certificate.
    """
    context = ssl.create_default_context(cadata=authority)
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE * ANSWER)
    with plain, context.wrap_socket(plain, server_hostname=name) as encrypted:
        encrypted.sendall(f"GET {path} HTTP/1.0\r\nHost: {name}:{port}\r\n\r\n".encode())
        return b"".join(iter(lambda: encrypted.recv(1 << 16), b"")).decode()


def test_a_new_project_has_its_page_and_its_task_on_a_laptop(
    newcomer: Newcomer, steps: tuple[list[str], list[str]]
) -> None:
    said = newcomer.paste(steps[0])

    assert said.splitlines()[-1] == "8"
    wait_ready(newcomer.stack)
    authority = secrets.show(newcomer.stack, "ca_certificate")
    page = visit(newcomer.stack.ports.https, "shop.localhost", "/", authority)
    assert "The install worked successfully!" in page
    assert "200 OK" in visit(newcomer.stack.ports.https, "shop.localhost", "/admin/login/", authority).splitlines()[0]


def test_nothing_outside_its_room_was_edited(newcomer: Newcomer) -> None:
    changed = Work(newcomer.stack.directory).git("status", "--porcelain", "--untracked-files=normal").splitlines()

    assert sorted(line.split()[-1] for line in changed if "inventories/" not in line) == [
        "compose.override.yaml",
        "compose.yaml",
        "services/shop/",
    ]


def test_it_is_on_the_server_too(newcomer: Newcomer, steps: tuple[list[str], list[str]], host: Host) -> None:
    remove_project(newcomer.stack.project)  # one after the other: both want this machine's memory

    newcomer.paste(steps[1])

    assert fetch(host.address, NAME, "/readyz").status == HTTPStatus.OK
    assert fetch(host.address, SHOP, "/admin/login/").status == HTTPStatus.OK
