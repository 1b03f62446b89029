"""The secrets of a stack under test, so that tests can search for leaks."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from contract.derived import derive
from contract.files import read
from tests.support.stack import ROOT, Stack

#: Secrets that have been shown, by project, form and name.
_SHOWN: dict[tuple[str, tuple[str, ...], str], str] = {}


def names() -> list[str]:
    """Return the names of all secrets that a stack makes for itself."""
    declared = derive(read(ROOT)).declared
    return sorted(name for name, entry in declared.items() if not entry.get("optional"))


def show(stack: Stack, name: str) -> str:
    """Return a secret as an operator gets it: by the command that the stack offers for it.

    Each form is asked once: its secrets stay, and a container takes seconds of a processor.
    """
    key = (stack.project, stack.files, name)
    if key not in _SHOWN:
        _SHOWN[key] = stack.compose("run", "--rm", "--no-deps", "--no-TTY", "secrets", "show", name).stdout.strip()
    return _SHOWN[key]


def values(stack: Stack) -> dict[str, str]:
    """Return one characteristic line of every private secret: a whole password, a line of a key's body."""
    script = (
        "cd /secrets/master && for name in *; do printf '%s ' \"$name\"; grep -v -e '^-' \"$name\" | head -n 1; done"
    )
    listed = stack.compose("run", "--rm", "--no-deps", "--no-TTY", "--entrypoint=sh", "secrets", "-c", script).stdout
    found = dict(line.split(" ", 1) for line in listed.splitlines())
    return {name: value for name, value in found.items() if not name.endswith("certificate")}


def found_in(images: set[str], needles: list[str]) -> set[str]:
    """Return those of ``needles`` that are in the file system or the settings of any image, layer by layer."""
    with tempfile.TemporaryDirectory() as directory:
        patterns = Path(directory, "patterns")
        patterns.write_text("\n".join(needles) + "\n", encoding="utf-8")
        with subprocess.Popen(["docker", "save", *sorted(images)], stdout=subprocess.PIPE) as saved:
            search = subprocess.run(
                ["grep", "--text", "--fixed-strings", "--only-matching", "--file", str(patterns)],
                stdin=saved.stdout,
                capture_output=True,
                env={"LC_ALL": "C"},
                check=False,
            )
    assert saved.returncode == 0, "docker save failed"
    assert search.returncode in {0, 1}, search.stderr.decode()
    return set(search.stdout.decode().splitlines())
