"""The script that installs a certificate for a running Nginx."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

SCRIPT = Path(__file__).parents[2] / "ansible/roles/certificates/files/install-certificate"


def pem(kind: str, text: str) -> str:
    return f"-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n"


LEAF, CHAIN, KEY = pem("CERTIFICATE", "leaf"), pem("CERTIFICATE", "chain"), pem("EC PRIVATE KEY", "key")


def install(folder: Path, bundle: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, folder], input=bundle, capture_output=True, text=True, check=False, timeout=PATIENCE * 20
    )


@pytest.mark.parametrize("bundle", [LEAF + CHAIN + KEY, KEY + LEAF + CHAIN, f"said by somebody\n{LEAF}{CHAIN}{KEY}"])
def test_it_parts_certificates_and_key(tmp_path: Path, bundle: str) -> None:
    assert install(tmp_path, bundle).stdout == "installed\n"
    assert (tmp_path / "current/tls_certificate").read_text() == LEAF + CHAIN
    assert (tmp_path / "current/tls_key").read_text() == KEY


def test_only_owner_and_group_read_the_key(tmp_path: Path) -> None:
    install(tmp_path, LEAF + KEY)
    assert (tmp_path / "current/tls_key").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "current").stat().st_mode & 0o777 == 0o750


def test_it_changes_nothing_when_the_certificate_is_there(tmp_path: Path) -> None:
    install(tmp_path, LEAF + KEY)
    before = (tmp_path / "stamp").stat().st_mtime_ns
    assert install(tmp_path, LEAF + KEY).stdout == "unchanged\n"
    assert (tmp_path / "stamp").stat().st_mtime_ns == before


def test_it_replaces_the_old_one_and_leaves_nothing_behind(tmp_path: Path) -> None:
    install(tmp_path, LEAF + KEY)
    other = pem("CERTIFICATE", "other")
    assert install(tmp_path, other + KEY).stdout == "installed\n"
    assert (tmp_path / "current/tls_certificate").read_text() == other
    stamp = (tmp_path / "stamp").read_text().strip()
    assert {path.name for path in tmp_path.iterdir()} == {"current", "stamp", stamp}


@pytest.mark.parametrize("bundle", ["", LEAF, KEY])
def test_it_refuses_half_a_certificate_and_keeps_the_one_that_is_there(tmp_path: Path, bundle: str) -> None:
    install(tmp_path, LEAF + KEY)
    assert install(tmp_path, bundle).returncode == 1
    assert (tmp_path / "current/tls_certificate").read_text() == LEAF
    assert len(list(tmp_path.iterdir())) == 3
