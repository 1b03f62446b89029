"""The applications' lists of external addresses, and the addresses of the names in them."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Files with the DNS servers that Docker gives to containers; systemd-resolved keeps the real ones in the second.
RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
DAEMON = Path("/etc/docker/daemon.json")
#: Seconds for which an address is kept after a name no longer has it.
KEPT = 3600.0
#: Addresses that are kept of one name.
MOST = 256
#: Seconds for all names together.
RESOLVING = 15.0
#: Networks to which no name may lead: this host, metadata of clouds, multicast. Only a number in a list opens them.
NEVER = tuple(map(ipaddress.IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
#: Addresses and networks, in place of names.
NUMBERS = re.compile(r"[\d.]+(/\d+)?")


@dataclass(frozen=True)
class Application:
    """The list of an application.

    Args:
        services: the services of its Compose file.
        addresses: the addresses in its contract: ``any``, a host, an address or a network, each with ``:PORT`` or not.
    """

    services: Sequence[str]
    addresses: Sequence[str]


def read(folder: Path) -> dict[str, Application]:
    """Return the lists: those of the running release and those of the one before, to which a rollback may return.

    Args:
        folder: the folder of ``current.json`` and ``former.json``, each of which may be missing.
    """
    found: dict[str, Application] = {}
    for name in ("current.json", "former.json"):
        with suppress(FileNotFoundError):
            for key, entry in json.loads((folder / name).read_text(encoding="utf-8")).items():
                old = found.get(key, Application([], []))
                services, addresses = ([*kept, *entry[part]] for kept, part in _parts(old))
                found[key] = Application(sorted(set(services)), sorted(set(addresses)))
    return found


def _parts(application: Application) -> tuple[tuple[Sequence[str], str], tuple[Sequence[str], str]]:
    return (application.services, "services"), (application.addresses, "addresses")


def names(applications: Mapping[str, Application]) -> list[str]:
    """Return the host names in all lists."""
    hosts = {address.partition(":")[0] for each in applications.values() for address in each.addresses}
    return sorted(host for host in hosts if host != "any" and not NUMBERS.fullmatch(host))


def resolve(name: str) -> list[str]:
    """Return the IPv4 addresses of a name; none if it cannot be resolved, or leads to an address that names may not."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return []
    return sorted(address for address in found if not any(ipaddress.ip_address(address) in each for each in NEVER))


@dataclass
class Resolver:
    """Resolves names, and remembers their addresses.

    A name whose addresses change keeps the former ones for an hour, because clients may have them still. A name that
    cannot be resolved keeps all of them.

    Args:
        path: the file with the addresses.
        seen: name -> address -> when DNS last had it, in seconds since 1970.
    """

    path: Path
    seen: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Resolver:
        """Return one with the addresses in ``path``."""
        with suppress(OSError, ValueError):
            return cls(path, json.loads(path.read_text(encoding="utf-8")))
        return cls(path)

    def refresh(self, wanted: Iterable[str], now: float) -> dict[str, list[str]]:
        """Resolve the names, and return name -> addresses.

        Args:
            wanted: the names. All others are forgotten.
            now: seconds since 1970.
        """
        wanted = list(wanted)
        pool = ThreadPoolExecutor(max_workers=16)
        answers = {name: pool.submit(resolve, name) for name in wanted}
        deadline, kept = time.monotonic() + RESOLVING, {}
        for name, answer in answers.items():
            try:
                fresh = answer.result(max(0.0, deadline - time.monotonic()))
            except NoAnswer:
                fresh = []
            kept[name] = _remembered(self.seen.get(name, {}), fresh, now)
        pool.shutdown(wait=False, cancel_futures=True)
        if kept != self.seen:
            self.seen = kept
            save(self.path, json.dumps(kept))
        return {name: sorted(addresses) for name, addresses in kept.items()}


def _remembered(old: Mapping[str, float], fresh: Sequence[str], now: float) -> dict[str, float]:
    if not fresh:
        return dict(old)
    kept = {**{address: at for address, at in old.items() if now - at < KEPT}, **dict.fromkeys(fresh, now)}
    return dict(sorted(kept.items(), key=lambda entry: -entry[1])[:MOST])


def dns_servers(resolvers: Sequence[Path] = RESOLVERS, daemon: Path = DAEMON) -> list[str]:
    """Return the IPv4 addresses of the DNS servers that containers ask; Docker asks those on loopback for them."""
    found: list[str] = []
    for path in resolvers:
        with suppress(OSError):
            lines = path.read_text(encoding="utf-8").splitlines()
            found += [line.split()[1] for line in lines if re.match(r"\s*nameserver\s+\S", line)]
    with suppress(OSError, ValueError):
        found += json.loads(daemon.read_text(encoding="utf-8")).get("dns") or []
    return sorted({each for each in found if re.fullmatch(r"\d+(\.\d+){3}", each) and not each.startswith("127.")})


def save(path: Path, content: str) -> None:
    """Write a file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)
