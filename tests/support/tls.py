"""What a host presents to visitors who come over HTTPS."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess


def certificate(address: str, name: str) -> bytes:
    """Return the certificate that a visitor of ``name`` gets at ``address``, in DER, whoever signed it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((address, 443), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name) as encrypted,
    ):
        found = encrypted.getpeercert(binary_form=True)
    assert found is not None
    return found


def issuer(found: bytes) -> str:
    """Return who signed a certificate."""
    return _ask(found, "-issuer").removeprefix("issuer=").strip()


def names(found: bytes) -> set[str]:
    """Return the host names that a certificate holds."""
    return set(re.findall(r"DNS:([^,\s]+)", _ask(found, "-ext", "subjectAltName")))


def _ask(found: bytes, *question: str) -> str:
    command = ["openssl", "x509", "-inform", "DER", "-noout", *question]
    return subprocess.run(command, input=found, capture_output=True, check=True, timeout=20).stdout.decode()
