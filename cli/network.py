"""Checks whether addresses answer, and finds the Debian mirror of this machine."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli import process

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cli.machine import System

#: Seconds for all addresses together; most systems take longer than that just to notice a dead DNS server.
DEADLINE = 8.0
SUITE = "trixie"

#: The host name of Docker's own registry, which differs from the one in image names.
DOCKER_HUB = "registry-1.docker.io"


@dataclass(frozen=True)
class Mirrors:
    """A Debian mirror and its address for security updates; an unknown one is empty."""

    main: str = ""
    security: str = ""


def mirrors(system: System, override: str = "") -> Mirrors:
    """Return the mirrors for Debian packages.

    Args:
        system: the operating system; only a Debian's own sources suit a Debian image.
        override: ``DEBIAN_MIRROR``; it replaces the machine's mirror.
    """
    found = Mirrors()
    if system.distribution == "debian":
        found = parse_mirrors(process.capture(["apt-get", "update", "--print-uris"]).stdout, system.codename)
    return Mirrors(override.rstrip("/"), found.security) if override else found


def parse_mirrors(printed: str, codename: str) -> Mirrors:
    """Return the mirrors in the addresses that ``apt-get update --print-uris`` printed.

    apt itself reads its sources for this command, in all their formats and with all their options.

    Args:
        printed: lines such as ``'<mirror>/dists/<suite>/InRelease' name 0``.
        codename: the running release; sources may also name it stable or oldstable.
    """
    uris: dict[str, str] = {}
    for base, suite in re.findall(r"^'(\S+?)/dists/(\S+)/InRelease'", printed, re.MULTILINE):
        uris.setdefault(suite, base)
    releases = (codename, "stable", "oldstable", SUITE)
    main = next((uris[name] for name in releases if name in uris), "")
    security = next((uris[f"{name}-security"] for name in releases if f"{name}-security" in uris), "")
    return Mirrors(main, security)


def registry_address(image: str) -> str:
    """Return the address for the check whether the registry of ``image`` answers."""
    host, slash, _ = image.partition("/")
    named = slash and ("." in host or ":" in host or host == "localhost") and host != "docker.io"
    return f"https://{host if named else DOCKER_HUB}/v2/"


def release_address(mirror: str) -> str:
    """Return the address of a small file that every mirror of the release has."""
    return f"{mirror}/dists/{SUITE}/InRelease"


def without_password(address: str) -> str:
    """Return ``address`` without user and password, for messages."""
    return re.sub(r"//[^/@]*@", "//", address)


def unreachable(addresses: Iterable[str], deadline: float = DEADLINE) -> dict[str, str]:
    """Try all ``addresses`` at once, through the proxy of the environment if there is one.

    Args:
        addresses: the addresses.
        deadline: seconds for all of them together; a dead DNS server may block a thread for longer, which is then
            abandoned.

    Returns:
        The problem of each address that does not answer.
    """
    problems = dict.fromkeys(addresses, f"no answer within {deadline:.0f} s")

    def attempt(address: str) -> None:
        problem = ask(address, deadline)
        if problem:
            problems[address] = problem
        else:
            del problems[address]

    threads = [threading.Thread(target=attempt, args=(address,), daemon=True) for address in list(problems)]
    end = time.monotonic() + deadline
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(problems)


def ask(address: str, timeout: float) -> str:
    """Return the problem with ``address``; empty if a server answers, even with an error status.

    Args:
        address: an HTTP or HTTPS address, or a ``file:`` mirror.
        timeout: seconds for each step of the connection.
    """
    try:
        with urllib.request.urlopen(address, timeout=timeout):  # noqa: S310 - apt sources may well be files
            return ""
    except urllib.error.HTTPError:
        return ""
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            return "its certificate is not trusted: set SSL_CERT_FILE to your company's bundle"
        if isinstance(error.reason, socket.gaierror):
            return "its name cannot be resolved"
        return str(getattr(error.reason, "strerror", None) or error.reason)
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__
