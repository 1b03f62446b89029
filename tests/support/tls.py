"""Certificates: those that a host presents to visitors over HTTPS, and some that tests make themselves."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

#: Seconds that a host may take for a handshake on an idle reference machine, and a command.
HANDSHAKE = 5
COMMAND = 20


def certificate(address: str, name: str) -> bytes:
    """Return the certificate that a visitor of ``name`` gets at ``address``, in DER, without a check of it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((address, 443), timeout=PATIENCE * HANDSHAKE) as plain,
        context.wrap_socket(plain, server_hostname=name) as encrypted,
    ):
        found = encrypted.getpeercert(binary_form=True)
    assert found is not None
    return found


def issuer(found: bytes) -> str:
    """Return the issuer of a certificate."""
    return _ask(found, "-issuer").removeprefix("issuer=").strip()


def names(found: bytes) -> set[str]:
    """Return the host names of a certificate."""
    return set(re.findall(r"DNS:([^,\s]+)", _ask(found, "-ext", "subjectAltName")))


def read(file: Path) -> bytes:
    """Return the certificate in a file in PEM, in DER."""
    return ssl.PEM_cert_to_DER_cert(file.read_text(encoding="ascii"))


def make(directory: Path, *names: str, days: int = 30) -> tuple[Path, Path]:
    """Make a self-signed certificate, and return its file and that of its key.

    Args:
        directory: the folder of both files.
        names: its host names.
        days: how long it is valid.
    """
    directory.mkdir(exist_ok=True)
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days)]
    holds = ["-subj", "/O=Owner", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)]
    command = ["openssl", "req", *kind, *holds, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE * COMMAND)
    return certificate, key


def _ask(found: bytes, *question: str) -> str:
    command = ["openssl", "x509", "-inform", "DER", "-noout", *question]
    return subprocess.run(
        command, input=found, capture_output=True, check=True, timeout=PATIENCE * COMMAND
    ).stdout.decode()
