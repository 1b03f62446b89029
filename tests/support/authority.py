"""A certificate authority for tests: Debian's Pebble, which speaks ACME and verifies its challenges."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.host import Host, Login, Network
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NUMBER = 100
PORT = 14000
#: Seconds for which certificates are valid: so few that certbot finds each one due for renewal.
VALIDITY = 86_400


@dataclass(frozen=True)
class Authority:
    """A machine that issues certificates.

    Args:
        host: the machine.
        certificate: the file with the certificate of its own server.
    """

    host: Host
    certificate: Path

    @property
    def directory(self) -> str:
        """The address for ACME clients."""
        return f"https://{self.host.address}:{PORT}/dir"

    @classmethod
    def create(cls, network: Network, login: Login, names: Mapping[str, str]) -> Authority:
        """Start an authority.

        Args:
            network: its network.
            login: the key to its machine.
            names: name -> address, as in its DNS server.
        """
        host = Host("authority", network.address(NUMBER))
        host.create(network, login.public_key, memory="1g")
        host.run(
            "sh",
            "-c",
            "apt-get -qq update && apt-get -qq install --yes --no-install-recommends pebble openssl",
            timeout=300,
        )
        san = f"subjectAltName=IP:{host.address}"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "/root/key.pem"]
        host.run(
            "openssl", "req", "-x509", *key, "-out", "/root/certificate.pem", "-subj", "/CN=authority", "-addext", san
        )
        settings = {
            "listenAddress": f"0.0.0.0:{PORT}",
            "managementListenAddress": "0.0.0.0:15000",
            "certificate": "/root/certificate.pem",
            "privateKey": "/root/key.pem",
            "httpPort": 80,
            "tlsPort": 443,
            "certificateValidityPeriod": VALIDITY,
        }
        host.write("/root/pebble.json", json.dumps({"pebble": settings}))
        environment = ["--setenv=PEBBLE_VA_NOSLEEP=1", "--setenv=PEBBLE_WFE_NONCEREJECT=0"]
        host.run("systemd-run", "--quiet", "--unit=pebble", *environment, "pebble", "-config", "/root/pebble.json")
        wait_until(lambda: f":{PORT} " in host.run("ss", "-Hltn"), 30, "the certificate authority to listen")
        certificate = login.directory / "authority.pem"
        certificate.write_text(host.run("cat", "/root/certificate.pem"), encoding="ascii")
        authority = cls(host, certificate)
        authority.resolve(names)
        return authority

    def resolve(self, names: Mapping[str, str]) -> None:
        """Let names resolve to these addresses alone; Pebble follows within five seconds.

        Args:
            names: name -> address.
        """
        lines = "".join(f"{address} {name}\n" for name, address in names.items())
        script = 'test -e /root/hosts || cp /etc/hosts /root/hosts; { cat /root/hosts; printf %s "$1"; } > /etc/hosts'
        self.host.run("sh", "-c", script, "resolve", lines)
