"""Runs this repository's playbooks against hosts, like their owner."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.stack import ROOT
from tests.support.timing import note
from tests.support.waiting import PATIENCE, SLOWNESS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.host import Host, Login

#: The option that leaves the stack out of ``site.yml``.
HOSTS_ONLY = ("--skip-tags=release",)
#: Seconds within which a playbook has ended on an idle reference machine.
PLAYBOOK = 400
#: The roles' own limits, in seconds, as a user with slow servers would write them into the inventory.
PATIENT = {
    "docker_start_timeout": round(60 * SLOWNESS),
    "release_smoke_seconds": round(30 * SLOWNESS),
    "release_step_seconds": round(300 * SLOWNESS),
    "release_watch_seconds": round(180 * SLOWNESS),
}
_RECAP = re.compile(r"^(\S+)\s+: ((?:\w+=\d+\s*)+)$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """The result of a playbook.

    Args:
        code: the exit status.
        output: the whole output.
        seconds: how long it took.
    """

    code: int
    output: str
    seconds: float

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """The last lines: the numbers of tasks that were ok, changed, failed ..., for each host."""
        recap = self.output.rpartition("PLAY RECAP")[2]
        return {
            host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", counts)}
            for host, counts in _RECAP.findall(recap)
        }

    @property
    def words(self) -> str:
        """Its output as one line: Ansible breaks long lines."""
        return " ".join(self.output.split())

    @property
    def changed(self) -> int:
        """How many tasks changed something, on all hosts together."""
        return sum(counts["changed"] for counts in self.recap.values())


@dataclass(frozen=True)
class Inventory:
    """Hosts and the login to them, with a user's own variables.

    Args:
        managers: the Swarm's managers.
        login: the key to them.
        workers: the Swarm's workers.
        variables: the user's variables in the inventory.
        checkout: the repository whose playbooks are run, and whose commit is deployed.
    """

    managers: tuple[Host, ...]
    login: Login
    workers: tuple[Host, ...] = ()
    variables: dict[str, Any] = field(default_factory=dict)
    checkout: Path = ROOT

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All machines."""
        return (*self.managers, *self.workers)

    @property
    def path(self) -> Path:
        """The inventory's file, which is written at each access."""
        path = self.login.directory / f"inventory-{self.hosts[0].name}.json"
        path.write_text(json.dumps(self.document), encoding="utf-8")
        return path

    @property
    def document(self) -> dict[str, Any]:
        """The inventory in Ansible's format."""
        shared = {
            "ansible_ssh_private_key_file": str(self.login.key),
            "ansible_ssh_common_args": " ".join(self.login.options),
            "landfast_node_address": "{{ ansible_host }}",
            "landfast_domains": ["landfast.test"],
            "landfast_email": "operator@landfast.test",
            "landfast_certificates": "self-signed",
            **PATIENT,
            **self.variables,
        }
        groups = {"managers": self.managers, "workers": self.workers}
        children = {name: {"hosts": {host.name: _variables(host) for host in hosts}} for name, hosts in groups.items()}
        return {"all": {"vars": shared, "children": children}}


def _variables(host: Host) -> dict[str, str]:
    return {"ansible_host": host.address, "ansible_user": host.user}


def command(inventory: Inventory, playbook: str, *options: str) -> list[str]:
    """Return the command that runs a playbook."""
    path = str(inventory.checkout / "ansible" / "playbooks" / f"{playbook}.yml")
    return [sys.executable, "-m", "ansible", "playbook", "--inventory", str(inventory.path), *options, path]


def environment(inventory: Inventory) -> dict[str, str]:
    """Return Ansible's environment variables: this repository's settings and no state of the user."""
    home = inventory.login.directory
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(inventory.checkout / "ansible" / "ansible.cfg"),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(home / "cp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_TIMEOUT": f"{10 * PATIENCE:.0f}",  # seconds until a host has let Ansible in
        "LC_ALL": "C.UTF-8",
    }


def play(
    inventory: Inventory,
    playbook: str,
    *options: str,
    check: bool = True,
    variables: Mapping[str, Any] | None = None,
    timeout: float = PLAYBOOK,
) -> Run:
    """Run a playbook and return the result.

    Args:
        inventory: the hosts.
        playbook: its name in ``ansible/playbooks``.
        options: more options of ``ansible-playbook``.
        check: whether it has to succeed.
        variables: ``--extra-vars``.
        timeout: seconds that it may take on an idle reference machine.

    Raises:
        AssertionError: ``check`` is set and it failed; the message has its output.
    """
    extra = ["--extra-vars", json.dumps(variables)] if variables else []
    began = time.monotonic()
    result = subprocess.run(
        command(inventory, playbook, *options, *extra),
        cwd=inventory.checkout / "ansible",
        env=environment(inventory),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE * timeout,
        check=False,
    )
    run = Run(result.returncode, result.stdout, time.monotonic() - began)
    note(f"playbook {playbook}", run.seconds)
    print(f"{playbook} {' '.join(options)}: {run.seconds:.0f} s, changed={run.changed}")
    assert not check or run.code == 0, f"{playbook} ended with {run.code}:\n{run.output}"
    return run
