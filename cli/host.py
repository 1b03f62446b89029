"""Changes to this machine: installs Docker by the repository's Ansible role, or starts it."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli import process
from cli.console import StackError
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cli.console import Phases

ANSIBLE = ROOT / "ansible"
START_DOCKER = ANSIBLE / "roles" / "docker" / "files" / "start-docker"
VENV = ROOT / ".venv" / "ansible"
#: ansible-core refuses an older one.
OLDEST_PYTHON = (3, 10)


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Hold a lock against a second ``./stack``. The kernel releases it when this process ends for any reason.

    Args:
        name: the name of the lock.

    Raises:
        StackError: another process holds the lock.
    """
    path = ROOT / ".cache" / f"{name}.lock"
    try:
        path.parent.mkdir(exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StackError(f"{path} cannot be written: {error.strerror}", "make the checkout yours: chown") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "?"
            raise StackError(f"another ./stack (process {holder}) is at work here", "wait until it has ended") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def install_docker(debian_mirror: str = "") -> None:
    """Apply the role ``docker`` to this machine.

    Args:
        debian_mirror: ``DEBIAN_MIRROR``, if it is set.

    Raises:
        StackError: Ansible cannot be installed, or the role failed.
    """
    python = ansible_python()
    users = [] if os.geteuid() == 0 else [getpass.getuser()]
    variables = {"docker_users": users, **({"docker_debian_mirror": debian_mirror} if debian_mirror else {})}
    environment = {
        "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"),
        "LC_ALL": "C.UTF-8",  # Ansible requires UTF-8, which is not the locale of a bare machine
        "PYTHONDONTWRITEBYTECODE": "1",  # the environment's owner could not remove files of root
    }
    if process.run(process.as_root(playbook(python, variables), **environment)) != 0:
        raise StackError("Docker could not be installed", "fix Ansible's error above, then ./stack up again")


def playbook(python: Path, variables: Mapping[str, object]) -> list[str]:
    """Return the command that applies the playbook ``docker`` to this machine.

    Args:
        python: the interpreter that has Ansible. Its scripts are not used: their first line cannot contain every path.
        variables: the role's variables.
    """
    inventory = ANSIBLE / "inventories" / "local" / "hosts.yml"
    extra = ["--extra-vars", json.dumps(variables)]
    return [
        str(python),
        "-m",
        "ansible",
        "playbook",
        "--inventory",
        str(inventory),
        *extra,
        str(ANSIBLE / "playbooks" / "docker.yml"),
    ]


def ansible_python() -> Path:
    """Return the interpreter of the environment with Ansible, which is made again if it is missing, old or half-made.

    Raises:
        StackError: the environment cannot be made.
    """
    lock = ANSIBLE / "requirements.txt"
    python = VENV / "bin" / "python"
    stamp = VENV / "complete"  # written last, so that an interrupted run leaves none
    key = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == key:
        return python
    if sys.version_info < OLDEST_PYTHON:
        raise StackError("Ansible needs Python 3.10 or newer", "run python3.10 ./stack up, or newer")
    # Debian has this part of venv in a separate package.
    if importlib.util.find_spec("ensurepip") is None:
        process.apt_install("python3-venv")
    shutil.rmtree(VENV, ignore_errors=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    for command in ([sys.executable, "-m", "venv", str(VENV)], [*pip, "--requirement", str(lock)]):
        if process.run(command, env=pip_environment()) != 0:
            raise StackError("Ansible cannot be installed", "fix pip's error above (a proxy? a name server?)")
    stamp.write_text(key, encoding="ascii")
    return python


def pip_environment() -> dict[str, str]:
    """Return pip's variables: the user's own package index, if there is one."""
    index = os.environ.get("PYTHON_INDEX_URL_FILE")
    return {"PIP_INDEX_URL": Path(index).read_text(encoding="utf-8").strip()} if index else {}


def start_docker() -> None:
    """Start the installed daemon, with the same script as the role.

    Raises:
        StackError: the daemon does not answer.
    """
    if process.run(process.as_root(["sh", str(START_DOCKER)])) != 0:
        raise StackError("Docker does not start", "fix the error above, then ./stack up again")


def enter_docker_group(arguments: Sequence[str], phases: Phases) -> None:
    """Start ``./stack`` again as a member of Docker's group, which this login session does not have yet.

    Args:
        arguments: the arguments of ``./stack``.
        phases: the measured phases so far.
    """
    phases.hand_on()
    command = shlex.join([sys.executable, str(ROOT / "stack"), *arguments])
    os.execvp("sg", ["sg", "docker", "-c", command])  # noqa: S606 - the shell that sg starts gets a quoted line
