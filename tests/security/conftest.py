"""Fixtures of the attacks."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import build_image
from tests.support.edge import Edge, edge
from tests.support.forms import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.stack import Stack


@pytest.fixture(scope="session")
def image() -> None:
    """Build the image with the browser and the scanner."""
    build_image()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a certificate for the site's other name, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", "tls_key", "-out", "tls_certificate", "-days", "2", "-subj", f"/CN={NAME}"]
    subprocess.run([*command, "-addext", f"subjectAltName=DNS:{NAME}"], cwd=folder, check=True, capture_output=True)
    folder.chmod(0o755)
    (folder / "tls_key").chmod(0o644)  # Nginx in the container is another user
    return folder


@pytest.fixture
def usual(stack: Stack) -> Iterator[Edge]:
    """The stack's edge with the limits that everybody has; the tests' own stack has higher ones."""
    with edge(stack) as found:
        yield found
