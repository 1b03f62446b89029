"""Problems of a checkout that would break images or containers are reported before the build, with the fix."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from cli import preflight
from cli.machine import Checkout
from cli.preflight import State

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "images/base/apt-install"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a correct checkout under Git: a script, a module, a picture."""
    folder = tmp_path / "my stack"
    for name, content in {SCRIPT: b"#!/bin/sh\ntrue\n", "libs/a.py": b"a = 1\n", "services/a.webp": b"\0\r\n"}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for folder_or_file in folder.rglob("*"):
        folder_or_file.chmod(0o755 if folder_or_file.is_dir() or folder_or_file.name == "apt-install" else 0o644)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    return folder


def mend(root: Path) -> None:
    """Run the fix that the only failed check names."""
    (check,) = preflight.checkout(Checkout.inspect(root))
    assert check.state is State.FAILED
    command = check.text.partition(": ")[2].partition(" (and")[0]
    subprocess.run(["sh", "-c", command], cwd=root, check=True, capture_output=True)


def test_it_has_nothing_to_say_about_a_good_checkout(root: Path) -> None:
    assert [check.state for check in preflight.checkout(Checkout.inspect(root))] == [State.OK]


def test_it_finds_lines_that_end_as_on_windows_and_says_how_to_mend_them(root: Path) -> None:
    (root / SCRIPT).write_bytes(b"#!/bin/sh\r\ntrue\r\n")
    (root / "libs/a.py").write_bytes(b"a = 1\r\n")

    assert [str(path) for path in Checkout.inspect(root).foreign] == [SCRIPT]
    mend(root)

    assert (root / SCRIPT).read_bytes() == b"#!/bin/sh\ntrue\n"
    assert (root / "libs/a.py").read_bytes() == b"a = 1\n"
    assert (root / "services/a.webp").read_bytes() == b"\0\r\n"
    assert Checkout.inspect(root) == Checkout()


def test_it_finds_what_a_umask_of_077_made_and_says_how_to_mend_it(root: Path) -> None:
    (root / "libs").chmod(0o700)
    (root / "libs/a.py").chmod(0o600)

    assert {str(path) for path in Checkout.inspect(root).unreadable} == {"libs", "libs/a.py"}
    (check,) = preflight.checkout(Checkout.inspect(root))

    assert "2 are not readable by others, such as libs: chmod -R go+rX" in check.text
    assert "umask" in check.text


def test_it_finds_scripts_that_an_archive_made_plain_files_and_says_how_to_mend_them(root: Path) -> None:
    (root / SCRIPT).chmod(0o644)

    assert [str(path) for path in Checkout.inspect(root).inert] == [SCRIPT]
    (check,) = preflight.checkout(Checkout.inspect(root))

    assert "xargs chmod +x" in check.text
