"""The few settings that ``./stack`` itself needs; Compose and the services read all others."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
#: Files that images contain or a laptop mounts into containers, where other users than this one read them.
SHARED_FOLDERS = ("contract", "images", "libs", "nginx", "services")
SHARED_FILES = ("compose.yaml", "compose.house.yaml")
DEFAULT_BASE_IMAGE = "debian:trixie-slim"
#: Each published port: its variable, its default, and the service that answers there.
PORTS = {
    "HTTP_PORT": ("8080", "the site"),
    "HTTPS_PORT": ("8443", "the site over HTTPS"),
    "MAIL_PORT": ("8025", "mail"),
}
CA_BUNDLE_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
CA_BUNDLE_PATHS = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine
)

#: Prefixes of the variables that Compose, Docker and Buildx read themselves.
TOOLS = ("COMPOSE_", "DOCKER_", "BUILDKIT_", "BUILDX_")

_READ = re.compile(r"(?<!\$)\$\{?([A-Za-z_]\w*)")
_HOST = re.compile(r"\w[\w+.-]*://(?:[^/@]*@)?(\[[^]/]*\]|[^[\]:/?#@]+)")
_ASSIGNMENT = re.compile(r"""\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(?:"([^"]*)"|'([^']*)'|(.*?))\s*(?:\s#.*)?""")


@dataclass(frozen=True)
class Settings:
    """The settings from the environment and ``.env``, as text; preflight checks them.

    ``unread`` are variables in ``.env`` that nothing reads: mostly typing errors.
    """

    project: str
    ports: Mapping[str, str]
    base_image: str
    debian_mirror: str
    python_index_url_file: str
    public_url: str
    operator: str
    ca_bundle: str = ""
    unread: tuple[str, ...] = ()

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ, env_file: Path = ROOT / ".env") -> Settings:
        """Read the settings in Compose's order: the environment first, then ``.env``, then the default."""
        in_file = parse_env(env_file.read_text(encoding="utf-8", errors="replace")) if env_file.is_file() else {}

        def value(name: str, default: str) -> str:
            return environ.get(name) or in_file.get(name) or default

        ports = {variable: value(variable, default) for variable, (default, _) in PORTS.items()}
        return cls(
            project=value("COMPOSE_PROJECT_NAME", "landfast"),
            ports=ports,
            base_image=value("BASE_IMAGE", DEFAULT_BASE_IMAGE),
            debian_mirror=value("DEBIAN_MIRROR", ""),
            python_index_url_file=value("PYTHON_INDEX_URL_FILE", ""),
            public_url=value("PUBLIC_URL", f"http://localhost:{ports['HTTP_PORT']}"),
            operator=value("OPERATOR_USER", "operator"),
            ca_bundle=value("CA_BUNDLE", ""),
            unread=tuple(name for name in in_file if name not in known(in_file) and not name.startswith(TOOLS)),
        )

    @property
    def public_host(self) -> str:
        """The host name in the stack's own address; localhost if the address has none."""
        found = _HOST.match(self.public_url)
        return found[1] if found else "localhost"

    def python_index(self) -> str:
        """Return the address of the user's own Python package index; empty if the public one is used."""
        path = ROOT / self.python_index_url_file
        return path.read_text(encoding="utf-8").strip() if self.python_index_url_file and path.is_file() else ""


def known(in_file: Mapping[str, str]) -> set[str]:
    """Return the variables that an ``.env`` file may set: those that ``./stack`` and the Compose files read.

    Args:
        in_file: the file's variables; ``COMPOSE_FILE`` may name Compose files of the user's own.
    """
    named = in_file.get("COMPOSE_FILE", "").split(in_file.get("COMPOSE_PATH_SEPARATOR") or os.pathsep)
    files = {
        *ROOT.glob("compose*.yaml"),
        *ROOT.glob("services/*/compose*.yaml"),
        *(ROOT / name for name in named if name),
    }
    return {"DEBIAN_MIRROR"}.union(*(variables(path) for path in files if path.is_file()))


def variables(compose_file: Path) -> set[str]:
    """Return the variables that a Compose file reads."""
    return set(_READ.findall(compose_file.read_text(encoding="utf-8")))


def parse_env(text: str) -> dict[str, str]:
    """Return the assignments in the text of an ``.env`` file; Compose itself reports invalid lines."""
    matches = (_ASSIGNMENT.fullmatch(line) for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {match[1]: match[2] or match[3] or match[4] or "" for match in matches if match}


def ca_bundle(wanted: str = "", environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file with this machine's trusted certificates, for builds behind a TLS-inspecting proxy.

    Args:
        wanted: ``CA_BUNDLE`` from the environment or from ``.env``; it comes first.
        environ: variables that may name the machine's own file.
    """
    named = (environ.get(variable, "") for variable in CA_BUNDLE_VARIABLES)
    candidates = (ROOT / path for path in (wanted, *named, *CA_BUNDLE_PATHS) if path)
    return next((path.resolve() for path in candidates if path.is_file() and path.stat().st_size), None)
