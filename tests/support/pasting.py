"""Pages whose commands are pasted into a shell as they stand, with a server of the test's in place of the example's."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

from tests.support.pages import blocks, is_shell
from tests.support.playbook import PLAYBOOK
from tests.support.scenario import NAME
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.host import Host, Login

#: The example's words, and what somebody puts there who has a machine and no name in the DNS.
OWN = {
    "203.0.113.10": "{host.address}",
    "ansible_user: root": "ansible_user: {host.user}\n"
    "ansible_ssh_private_key_file: {login.key}\n"
    "ansible_ssh_common_args: {options}",
    "[example.org, www.example.org]": "[{names}]",
    "operator@example.org": f"operator@{NAME}",
    "landfast_certificates: acme": "landfast_certificates: self-signed",
}


def editor(folder: Path, host: Host, login: Login, *names: str) -> Path:
    """Return a program that puts into the files it is called with what belongs there.

    Args:
        folder: where it is written.
        host: the server.
        login: how to get onto it.
        names: the site's, besides the tests' own.
    """
    known = {"host": host, "login": login, "options": " ".join(login.options), "names": ", ".join([NAME, *names])}
    own = {old: new.format(**known) for old, new in OWN.items()}
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


def shell_blocks(page: Path) -> list[str]:
    """Return the blocks of a page that are for a shell."""
    return list(filter(is_shell, blocks(page)))


def paste(commands: list[str], folder: Path, login: Login, variables: Mapping[str, str]) -> str:
    """Paste blocks of commands into one shell, and return what it printed.

    Args:
        commands: the blocks.
        folder: where the shell is.
        login: how to get onto the server.
        variables: what the shell knows besides.

    Raises:
        AssertionError: a command failed.
    """
    pasted = subprocess.run(
        ["bash", "-c", "\n".join(["set -ex", *commands])],
        cwd=folder,
        env={
            **os.environ,
            "ANSIBLE_HOME": str(login.directory),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(login.directory / "cp"),
            "LC_ALL": "C.UTF-8",
            **variables,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE * 3 * PLAYBOOK,
        check=False,
    )
    assert pasted.returncode == 0, pasted.stdout
    return pasted.stdout
