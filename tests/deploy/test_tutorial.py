"""The commands of the tutorial, pasted unchanged, turn a bare machine into a server."""

from __future__ import annotations

import os
import stat
import subprocess
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from tests.support.pages import blocks, is_shell
from tests.support.playbook import PLAYBOOK
from tests.support.releases import Checkout
from tests.support.requesting import fetch
from tests.support.scenario import NAME
from tests.support.stack import ROOT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.host import Host, Login

#: It may wait: other tests run the same playbooks, and those in tests/repo check that everything on a page exists.
pytestmark = pytest.mark.long

TUTORIAL = ROOT / "docs/tutorial/first-server.md"
#: Texts of the example, and their replacements by a user who has a machine and no DNS name.
OWN = {
    "203.0.113.10": "{host.address}",
    "ansible_user: root": "ansible_user: {host.user}\n"
    "ansible_ssh_private_key_file: {login.key}\n"
    "ansible_ssh_common_args: {options}",
    "[example.org, www.example.org]": f"[{NAME}]",
    "operator@example.org": f"operator@{NAME}",
    "landfast_certificates: acme": "landfast_certificates: self-signed",
}


def editor(folder: Path, host: Host, login: Login) -> Path:
    """Return a program that makes the user's replacements in the files of its arguments."""
    own = {old: new.format(host=host, login=login, options=" ".join(login.options)) for old, new in OWN.items()}
    program = folder / "editor"
    program.write_text(
        "#!/usr/bin/env python3\nimport pathlib, sys\n"
        "for path in map(pathlib.Path, sys.argv[1:]):\n"
        "    text = path.read_text()\n"
        f"    for old, new in {own!r}.items():\n"
        "        text = text.replace(old, new)\n"
        "    path.write_text(text)\n",
        encoding="utf-8",
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def test_the_tutorial_ends_with_the_site(tmp_path: Path, host: Host, login: Login) -> None:
    checkout = Checkout.create(tmp_path / "landfast")
    home = tmp_path / "home"
    home.mkdir()
    script = "\n".join(["set -ex", *filter(is_shell, blocks(TUTORIAL))])

    pasted = subprocess.run(
        ["bash", "-c", script],
        cwd=checkout.directory,
        env={
            **os.environ,
            "HOME": str(home),
            "EDITOR": str(editor(tmp_path, host, login)),
            "ANSIBLE_HOME": str(login.directory),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(login.directory / "cp"),
            "LC_ALL": "C.UTF-8",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE * 3 * PLAYBOOK,
        check=False,
    )

    assert pasted.returncode == 0, pasted.stdout
    assert fetch(host.address, NAME, "/readyz").status == HTTPStatus.OK
    assert stat.S_IMODE((home / ".landfast-vault").stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
