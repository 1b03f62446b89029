#!/usr/bin/env python3
"""Compare the edge with bare Nginx: ``python3 tests/bench/edge``, in two containers of its own and a third that asks.

Both run the image of ``nginx/Dockerfile`` and log the same lines to Docker's json-file driver: one as Compose starts
it, one with the few lines of ``bare.conf`` and nothing between Nginx and Docker. wrk asks them in turn, with one thread
and 32 connections, on the containers' own network. Medians over the rounds, and the edge's share of bare Nginx. It
needs PyYAML, as the environment of ``./stack test`` has it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from cli import base_image  # noqa: E402 - importable once the path is set
from cli.settings import Settings  # noqa: E402
from contract.derived import derive  # noqa: E402
from contract.files import read  # noqa: E402
from tests.bench.place import Place, docker  # noqa: E402

HERE = Path(__file__).resolve().parent
#: The edge's share of bare Nginx that it must not fall below (docs/adr/0020-nothing-between-nginx-and-its-log.md).
GOAL = 0.85
#: What is asked for: Nginx's own answer, and a file of this many bytes.
PATHS = ("/healthz", "/static/file.txt")
FILE_SIZE = 5000
WRK = ("-t1", "-c32")
CERTIFICATE = (
    *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
    *("-keyout", "tls_key", "-out", "tls_certificate"),
)


def rate(place: Place, wrk: str, server: str, path: str, seconds: int, options: tuple[str, ...] = WRK) -> float:
    """Return the requests a second that a server answers.

    Args:
        place: the network.
        wrk: the image of wrk.
        server: the server's container.
        path: the requested path.
        seconds: the length of the measurement.
        options: wrk's threads and connections.

    Raises:
        SystemExit: an answer was no success, or none came.
    """
    said = docker(
        "run", "--rm", f"--network={place.name}", wrk, *options, f"-d{seconds}s", f"http://{server}:8080{path}"
    )
    found = re.search(r"^Requests/sec: +([\d.]+)", said, re.MULTILINE)
    if found is None or "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{server} did not answer {path} as it should:\n{said}")
    return float(found[1])


def compare(place: Place, directory: Path, rounds: int, seconds: int) -> bool:
    """Measure, print the table, and return whether the goal is met."""
    nginx, wrk = place.build("nginx", ROOT / "nginx/Dockerfile"), place.build("wrk", HERE / "Dockerfile")
    static = f"--volume={directory}/static:/var/lib/static:ro"
    secrets = f"--volume={directory}/secrets:/run/secrets:ro"
    each_logged = "--env=EDGE_LOG_RATE=0"  # as bare Nginx does
    bare = ("-c", "/bare.conf", "-g", "daemon off;")
    bare_options = (f"--volume={HERE}/bare.conf:/bare.conf:ro", "--entrypoint=nginx", static)
    met = True
    with (
        place.network(),
        place.running("edge", nginx, static, secrets, each_logged) as edge,
        place.running("bare", nginx, *bare_options, command=bare) as other,
    ):
        print("| Path | Edge, requests/s | Bare Nginx | Share | Goal |\n| --- | --- | --- | --- | --- |")
        for path in PATHS:
            found: dict[str, list[float]] = {edge: [], other: []}
            for _ in range(rounds):
                for server, rates in found.items():
                    rates.append(rate(place, wrk, server, path, seconds))
            ours, theirs = median(found[edge]), median(found[other])
            print(f"| {path} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.2f} | ≥ {GOAL} |")
            met = met and ours >= GOAL * theirs
    return met


def asked(file: str, description: str | None, *, rounds: int, seconds: int) -> tuple[Place, argparse.Namespace]:
    """Read the command line of a comparison; return its place in Docker, and its ``rounds`` and ``seconds``.

    Args:
        file: the program, from the root of the checkout.
        description: its description.
        rounds: how often it measures by default.
        seconds: the length of each measurement by default.

    Raises:
        SystemExit: the command line is wrong, or there is no base image.
    """
    parser = argparse.ArgumentParser(prog=f"python3 {file}", description=description)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=int, default=seconds, help="of each measurement")
    name = f"landfast-bench-{Path(file).stem}-{os.getpid()}"
    parser.add_argument("--name", default=name, help="of what is made in Docker")
    options = parser.parse_args()
    image = base_image.find(Settings.read().base_image)
    if image is None:
        raise SystemExit("there is no base image yet: ./stack up makes it")
    return Place(options.name, image), options


def main() -> int:
    """Read the command line, measure, and return the exit status: 1 where the goal is missed."""
    place, options = asked("tests/bench/edge", __doc__, rounds=3, seconds=5)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        for folder in ("secrets", "static"):
            (directory / folder).mkdir()
        (directory / "static/file.txt").write_text("x" * FILE_SIZE, encoding="ascii")
        (directory / "secrets/flower_password").write_text("none", encoding="ascii")
        for file, text in derive(read(ROOT)).contents.items():
            service, _, derived = file.partition(".")
            if service == "nginx":
                (directory / "secrets" / derived).write_text(text, encoding="utf-8")
        subprocess.run(CERTIFICATE, cwd=directory / "secrets", capture_output=True, check=True)
        (directory / "secrets/tls_key").chmod(0o644)  # the container's user reads it; nobody else ever sees it
        try:
            return 0 if compare(place, directory, options.rounds, options.seconds) else 1
        finally:
            for image in ("nginx", "wrk"):
                subprocess.run(["docker", "rmi", f"{place.name}-{image}"], capture_output=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
