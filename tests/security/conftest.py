"""Fixtures of the attacks."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support import browser, scanner
from tests.support.edge import Edge, edge
from tests.support.forms import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.stack import Stack


@pytest.fixture(scope="session")
def image() -> None:
    """Build the image with the browser and the Observatory."""
    browser.build_image()


@pytest.fixture(scope="session")
def scanners() -> None:
    """Build the image with the scanners from Debian's packages."""
    scanner.build_image()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a certificate for the site's other name, its key, and the authority that signed it.

    The certificate names a list of revocations, as those of public authorities do.
    """
    folder = tmp_path_factory.mktemp("tls")
    extensions = (
        f"subjectAltName=DNS:{NAME}",
        "basicConstraints=critical,CA:FALSE",
        "keyUsage=critical,digitalSignature",
        "extendedKeyUsage=serverAuth",
        f"crlDistributionPoints=URI:http://authority.{NAME}/revoked.crl",
    )
    added = [word for extension in extensions for word in ("-addext", extension)]
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for words, subject, more in (
        ("-keyout authority_key -out authority", "Authority of the tests", []),
        ("-CA authority -CAkey authority_key -keyout tls_key -out tls_certificate", NAME, added),
    ):
        command = [*make, "-days", "90", *words.split(), "-subj", f"/CN={subject}", *more]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    folder.chmod(0o755)
    (folder / "tls_key").chmod(0o644)  # Nginx in the container is another user
    return folder


@pytest.fixture
def usual(stack: Stack) -> Iterator[Edge]:
    """The stack's edge with the limits that everybody has; the tests' own stack has higher ones."""
    with edge(stack) as found:
        yield found
