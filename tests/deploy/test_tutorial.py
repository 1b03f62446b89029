"""The commands of the tutorial, pasted unchanged, turn a bare machine into a server."""

from __future__ import annotations

import stat
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from tests.support.pasting import editor, paste, shell_blocks
from tests.support.releases import Checkout
from tests.support.requesting import fetch
from tests.support.scenario import NAME
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.host import Host, Login

#: It may wait: other tests run the same playbooks, and those in tests/repo check that everything on a page exists.
pytestmark = pytest.mark.long

TUTORIAL = ROOT / "docs/tutorial/first-server.md"


def test_the_tutorial_ends_with_the_site(tmp_path: Path, host: Host, login: Login) -> None:
    checkout = Checkout.create(tmp_path / "landfast")
    home = tmp_path / "home"
    home.mkdir()
    variables = {"HOME": str(home), "EDITOR": str(editor(tmp_path, host, login))}

    paste(shell_blocks(TUTORIAL), checkout.directory, login, variables)

    assert fetch(host.address, NAME, "/readyz").status == HTTPStatus.OK
    assert stat.S_IMODE((home / ".landfast-vault").stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
