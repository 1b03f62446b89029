"""Visitors of a server by names that no DNS server knows, who trust the certificate that it signed itself."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

from tests.support import tls
from tests.support.site import Site

if TYPE_CHECKING:
    from pathlib import Path

    from requests import PreparedRequest


class _At(HTTPAdapter):
    """Connects to one address, whatever name is asked for, and insists on a certificate of that name."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def build_connection_pool_key_attributes(  # type: ignore[override] # dictionaries of types that stubs alone have
        self,
        request: PreparedRequest,
        verify: bool | str,  # noqa: FBT001 - as below
        cert: Any = None,  # noqa: ANN401 - requests' own
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return where to connect to, and how."""
        place, how = super().build_connection_pool_key_attributes(request, verify, cert)
        name = place["host"]
        return {**place, "host": self._address}, {**how, "server_hostname": name, "assert_hostname": name}


def visitor(address: str, name: str, folder: Path) -> Site:
    """Return somebody who comes to a server by a name over HTTPS.

    Args:
        address: the server's.
        name: a host name that its certificate has.
        folder: where its certificate is kept.
    """
    certificate = folder / f"{name}.pem"
    certificate.write_text(ssl.DER_cert_to_PEM_cert(tls.certificate(address, name)), encoding="ascii")
    site = Site(f"https://{name}", str(certificate))
    site.session.headers["Host"] = name
    site.session.mount("https://", _At(address))
    return site
