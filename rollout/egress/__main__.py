"""Keeps the firewall's rules for external addresses in step with lists, DNS and containers."""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from rollout.egress.lists import Resolver, dns_servers, names, read, save
from rollout.egress.rules import TABLE, containers, mapping, rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from rollout.egress.lists import Application
    from rollout.egress.rules import Container

#: The lists, which a deploy writes, and the rules, which the firewall's file includes.
FOLDER = Path("/etc/landfast/egress")
#: The addresses of names that have been seen, for times without DNS.
SEEN = Path("/var/lib/landfast/egress.json")
BRIDGE = "docker_gwbridge"
#: Seconds between two looks at DNS, and seconds for one command.
INTERVAL, PATIENCE = 30.0, 20.0
#: Refused connections that are logged until the next start.
LOGGED = 10_000
#: Kinds of changes.
CONTAINERS, LISTS = "containers", "lists"
_REFUSED = re.compile(r"(\d[\d.]+) \. (\d[\d.]+) \. (\d+)")


def running() -> list[Container]:
    """Return the running containers on the bridge.

    Raises:
        OSError: Docker does not answer.
    """
    bridge = json.loads(run("docker", "network", "inspect", BRIDGE))[0]
    ids = run("docker", "ps", "--quiet", "--no-trunc").split()
    # One that has ended meanwhile makes the command fail, and is missing in its output.
    inspected = json.loads(run("docker", "inspect", "--type=container", *ids, check=False) or "[]") if ids else []
    return containers(bridge, inspected)


def refusals() -> list[tuple[str, str, str]]:
    """Return source, destination and port of the packets that were refused since the last call."""
    place = ("set", *TABLE.split(), "egress_refused")
    found = _REFUSED.findall(run("nft", "list", *place, check=False))
    if found:
        run("nft", "flush", *place, check=False)
    return found


def run(*command: str, given: str = "", check: bool = True) -> str:
    """Return the output of a command.

    Args:
        command: the command.
        given: its input.
        check: whether it must succeed.

    Raises:
        OSError: it cannot be run, takes too long, or has to succeed and fails.
    """
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"{command[0]} takes longer than {PATIENCE:.0f} s") from None
    if check and done.returncode:
        raise OSError(f"{' '.join(command[:4])}: {done.stderr.strip()}")
    return done.stdout


class Watch:
    """Keeps the rules in step with DNS and Docker."""

    def __init__(self, folder: Path = FOLDER, seen: Path = SEEN) -> None:
        """Load the known addresses.

        Args:
            folder: the folder of the lists and of the rules.
            seen: the file with known addresses.
        """
        self.folder, self.resolver = folder, Resolver.load(seen)
        self.applications: dict[str, Application] = {}
        self.containers: list[Container] = []
        self.former: list[Container] = []
        self.silent = False
        self.logged: set[tuple[str, str, str]] = set()

    def write(self) -> str:
        """Write the rules of all lists, and return them.

        Raises:
            OSError: nftables refuses them, or they cannot be written.
        """
        self.applications = read(self.folder)
        text = rules(self.applications, self.resolver.refresh(names(self.applications), time.time()), dns_servers())
        path = self.folder / "rules.nft"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            run("nft", "--check", "--file", "-", given=text)  # the firewall's file includes them
            save(path, text)
        return text

    def refresh(self) -> None:
        """Resolve all names again, and load the rules.

        Raises:
            OSError: nftables refuses them, or they cannot be written.
        """
        run("nft", "--file", "-", given=self.write() + self.mapping())
        self.log()

    def follow(self) -> None:
        """Load the map of containers.

        Raises:
            OSError: nftables refuses it.
        """
        run("nft", "--file", "-", given=self.mapping())
        self.log()

    def mapping(self) -> str:
        """Return the map of the running containers; of those known last if Docker does not answer."""
        try:
            found = running()
        except (OSError, ValueError) as error:
            if not self.silent:
                print(f"<4>Docker does not list its containers: {error}", flush=True)
            self.silent = True
        else:
            self.former, self.containers, self.silent = self.containers, found, False
        return mapping(self.containers, self.applications)

    def log(self) -> None:
        """Log refused connections, each service's to the same address and port once."""
        services = {each.address: each.service for each in (*self.former, *self.containers)}
        for source, destination, port in refusals():
            entry = (services.get(source, "") or source, destination, port)
            if entry not in self.logged and len(self.logged) < LOGGED:
                self.logged.add(entry)
                print(
                    f"<4>{entry[0]} was refused a connection to {destination}:{port}, which x-landfast.egress in its "
                    "application's contract does not name",
                    flush=True,
                )


def events(changes: SimpleQueue[str]) -> None:
    """Put CONTAINERS into ``changes`` for each container that starts or ends, as long as this process lives."""
    command = ["docker", "events", "--format={{.ID}}", "--filter=type=container"]
    command += ["--filter=event=start", "--filter=event=die"]
    while True:
        with (
            suppress(OSError),
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as docker,
        ):
            changes.put(CONTAINERS)  # changes before it listens
            for _ in docker.stdout or ():
                changes.put(CONTAINERS)
        time.sleep(1.0)  # Docker restarts


def attempt(step: Callable[[], None]) -> None:
    """Take a step; if it fails, log why, and leave it to the next one."""
    try:
        step()
    except (OSError, ValueError) as error:
        print(f"<3>the rules for external addresses stay as they were: {error}", flush=True)


def watch() -> None:
    """Keep the rules in step until the process is killed; the signal HUP announces new lists or a new table."""
    state, due = Watch(), 0.0
    changes: SimpleQueue[str] = SimpleQueue()  # a signal's handler may put into it, unlike into a Queue
    signal.signal(signal.SIGHUP, lambda *_: changes.put(LISTS))
    threading.Thread(target=events, args=(changes,), daemon=True).start()
    while True:
        if time.monotonic() >= due:
            attempt(state.refresh)
            due = time.monotonic() + INTERVAL
        with suppress(Empty):
            found = [changes.get(timeout=max(0.0, due - time.monotonic()))]
            while not changes.empty():
                found.append(changes.get())
            if LISTS in found:
                due = 0.0
            else:
                attempt(state.follow)


def main() -> int:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="python3 -m rollout.egress", description=__doc__)
    parser.add_argument("command", choices=("write", "watch"))
    if parser.parse_args().command == "watch":
        watch()
    Watch().write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
