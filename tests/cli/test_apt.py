"""apt reads its own sources in either format; the mirrors are taken only from its output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli import network, process
from cli.network import Mirrors

if TYPE_CHECKING:
    from pathlib import Path

DEB822 = """\
# The debian-archive-keyring comes with the system.
Types: deb deb-src
URIs: http://main.example/debian
Suites: {codename} {codename}-updates
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://security.example/debian-security
Suites: {codename}-security
Components: main
Enabled: yes

Types: deb
URIs: http://off.example/debian
Suites: {codename}
Components: main
Enabled: no
"""
ONE_LINE = """\
# deb http://off.example/debian {codename} main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian.gpg] http://main.example/debian {codename} main
deb-src [signed-by=/usr/share/keyrings/debian.gpg] http://main.example/debian {codename} main
deb [signed-by=/usr/share/keyrings/debian.gpg] http://main.example/debian/ {codename}-updates main contrib
deb [ trusted=yes ] http://security.example/debian-security {codename}-security main
"""


def printed(folder: Path, name: str, text: str) -> str:
    """Return apt's output for sources in a separate folder."""
    sources = folder / "sources.list.d" / name
    sources.parent.mkdir()
    sources.write_text(text, encoding="utf-8")
    options = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": str(sources.parent),
        "Dir::State::Lists": str(folder / "lists"),
        "Dir::Cache": str(folder),
    }
    (folder / "lists" / "partial").mkdir(parents=True)
    arguments = [word for option, value in options.items() for word in ("-o", f"{option}={value}")]
    output = process.capture(["apt-get", *arguments, "update", "--print-uris"])
    assert output.code == 0, output.stderr
    return output.stdout


@pytest.mark.parametrize("codename", ["bookworm", "trixie"])
@pytest.mark.parametrize(("name", "text"), [("debian.sources", DEB822), ("debian.list", ONE_LINE)])
def test_it_understands_both_formats_of_sources(tmp_path: Path, codename: str, name: str, text: str) -> None:
    found = network.parse_mirrors(printed(tmp_path, name, text.format(codename=codename)), codename)
    assert found == Mirrors("http://main.example/debian", "http://security.example/debian-security")
