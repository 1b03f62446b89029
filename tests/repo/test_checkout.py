"""Images get the same files from a checkout made on any system and under any umask."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCKERFILES = sorted(path for folder in ("images", "nginx", "services") for path in (ROOT / folder).rglob("Dockerfile"))
FROM_THE_CHECKOUT = re.compile(r"^(?:COPY|ADD) (?!--from=)(.*)$", re.MULTILINE)


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_a_checkout_on_windows_has_the_same_bytes(tmp_path: Path) -> None:
    windows = ("-c", "core.autocrlf=true", "-c", "core.eol=crlf")
    git(*windows, "checkout-index", "--all", f"--prefix={tmp_path}/")

    contents = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert contents
    assert [path for path, content in contents.items() if b"\r\n" in content and b"\0" not in content] == []


def test_a_checkout_fits_on_a_disk_that_knows_no_case_and_no_links() -> None:
    entries = [line.split(maxsplit=3) for line in git("ls-files", "--stage").splitlines()]
    names = [name for *_, name in entries]

    assert [name for mode, _, _, name in entries if mode == "120000"] == []
    assert len({name.lower() for name in names}) == len(names)
    assert [name for name in names if re.search(r'[<>:"\\|?*]', name)] == []


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_an_image_sets_the_modes_of_what_it_takes_from_a_checkout(path: Path) -> None:
    copied = FROM_THE_CHECKOUT.findall(path.read_text(encoding="utf-8"))

    assert copied
    assert [what for what in copied if not what.startswith(("--chmod=0755 ", "--chmod=0644 "))] == []
