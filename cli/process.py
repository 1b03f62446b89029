"""Runs other programs: quietly for their output, or with their output shown; as root if necessary."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Seconds that an interrupted program gets to clean up: first after the terminal's own Ctrl-C, then after SIGTERM.
TIDY_UP = (5, 15)
#: The variables that a program keeps when it runs as root; sudo removes all others.
KEPT_BY_SUDO = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
#: Seconds to wait for another apt, such as the one that installs upgrades after boot; and for one step of ours.
APT_LOCK = 300
APT_TIMEOUT = 900
NOT_FOUND = 127
TIMED_OUT = 124


@dataclass(frozen=True)
class Output:
    """The exit status and the output of a program that ran quietly."""

    code: int
    stdout: str = ""
    stderr: str = ""


def capture(
    command: Sequence[str], *, timeout: float = 30, env: Mapping[str, str] | None = None, given: str = ""
) -> Output:
    """Run ``command`` quietly and return the result; a missing program or a timeout is an exit status, not an error.

    Args:
        command: program and arguments.
        timeout: seconds after which it is killed.
        env: variables added to this process's own.
        given: its standard input.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            input=given,
            env={**os.environ, **(env or {})},
        )
    except OSError as error:
        return Output(NOT_FOUND, stderr=f"{command[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Output(TIMED_OUT, stderr=f"no answer from {' '.join(command[:2])} within {timeout:.0f} s")
    return Output(done.returncode, done.stdout, done.stderr)


def run(command: Sequence[str], *, timeout: float | None = None, env: Mapping[str, str] | None = None) -> int:
    """Run ``command`` with its output shown and return its exit code; if interrupted it may clean up, then must end.

    Args:
        command: program and arguments.
        timeout: seconds after which it is stopped.
        env: variables added to this process's own.
    """
    try:
        process = subprocess.Popen(command, env={**os.environ, **(env or {})})
    except OSError as error:
        print(f"{command[0]}: {error.strerror}")
        return NOT_FOUND
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        _stop(process)
        return TIMED_OUT
    except BaseException:
        with suppress(subprocess.TimeoutExpired):
            process.wait(TIDY_UP[0])
        _stop(process)
        raise


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End ``process``: by SIGTERM, then by SIGKILL."""
    with suppress(OSError):  # this user may not signal sudo's child, which got the terminal's Ctrl-C itself
        process.terminate()
        try:
            process.wait(TIDY_UP[1])
        except subprocess.TimeoutExpired:
            process.kill()


def can_be_root() -> bool:
    """Return whether :func:`as_root` works on this machine."""
    return os.geteuid() == 0 or shutil.which("sudo") is not None


def as_root(command: Sequence[str], **variables: str) -> list[str]:
    """Return the command that runs ``command`` as root with ``variables`` set.

    Args:
        command: program and arguments.
        variables: environment variables in addition to those that root keeps.
    """
    if os.geteuid() == 0:
        settings = variables
    else:
        settings = {**{name: os.environ[name] for name in KEPT_BY_SUDO if name in os.environ}, **variables}
    environment = ["env", *(f"{name}={value}" for name, value in settings.items())] if settings else []
    return [*([] if os.geteuid() == 0 else ["sudo"]), *environment, *command]


def apt_install(*packages: str) -> None:
    """Install Debian packages, after configuring packages that an interrupted run left half configured.

    Raises:
        StackError: apt failed; the message has its output.
    """
    print(f"apt installs {', '.join(packages)}", flush=True)
    wait = ("-o", f"DPkg::Lock::Timeout={APT_LOCK}", "--quiet")
    for command in (
        ["dpkg", "--configure", "-a"],
        ["apt-get", *wait, "update"],
        ["apt-get", *wait, "install", "--yes", "--no-install-recommends", *packages],
    ):
        output = capture(as_root(command, DEBIAN_FRONTEND="noninteractive"), timeout=APT_TIMEOUT)
        if output.code != 0:
            problem = f"{output.stdout}{output.stderr}".strip()
            raise StackError(f"apt cannot install {' '.join(packages)}:\n{problem}", "fix that, then ./stack up again")
