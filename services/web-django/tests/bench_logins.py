"""Measures a page while many visitors log in at once: ``python3 tests/bench/pages.py logins`` runs this.

Gunicorn serves the site with the processes and threads of production. Each login has another address and a wrong
password. The same is measured with the bound on simultaneous hashes and without it.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from django.core.management import call_command
from django.db import connection
from landfast_testing.postgres import server
from landfast_testing.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGINS, SECONDS, DATABASE = 20, 15, "logins"
SETTINGS = {"without the bound": "PASSWORD_HASHES_AT_ONCE = 1000", "with the bound": ""}


@contextmanager
def site(folder: Path, settings: str) -> Iterator[int]:
    """Run gunicorn with the real settings and a line more, and yield its port."""
    (folder / "bench_settings.py").write_text(f"from mysite.settings import *\n{settings}\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    postgres = server()
    variables = {
        "DJANGO_SETTINGS_MODULE": "bench_settings",
        "PYTHONPATH": os.pathsep.join((str(folder), os.environ["PYTHONPATH"])),
        "POSTGRES_HOST": postgres.host,
        "POSTGRES_PORT": str(postgres.port),
        "POSTGRES_USER": postgres.user,
        "POSTGRES_DB": DATABASE,
        "LIVE_RELOAD": "true",  # no image has collected the static files
        "LOG_LEVEL": "CRITICAL",
    }
    options = ["-w", "2", "--threads", "4", "-k", "gthread", "-b", f"127.0.0.1:{port}", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *options, "mysite.wsgi:application"]
    process = subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: page(port) is not None, "the site does not answer")
        yield port
    finally:
        process.terminate()
        process.wait()


def page(port: int) -> float | None:
    """Return the seconds that a page takes; None if there is no answer."""
    started = time.perf_counter()
    try:
        status = request(port, "GET", "/accounts/login/")
    except OSError:
        return None
    return time.perf_counter() - started if status == http.HTTPStatus.OK else None


def request(port: int, method: str, path: str, body: str | None = None, **headers: str) -> int:
    """Send a request, and return the status of the response."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        client.request(method, path, body, {"Host": "localhost", **headers})
        response = client.getresponse()
        response.read()
        return response.status
    finally:
        client.close()


def guess(port: int, who: int, until: float, answers: Counter[int]) -> None:
    """Try wrong passwords, each from another address."""
    number = 0
    while time.monotonic() < until:
        number += 1
        body = json.dumps({"username": f"name-{who}-{number}", "password": "wrong"})
        address = {"X-Forwarded-For": f"10.{who}.{number // 250}.{number % 250}", "Content-Type": "application/json"}
        answers[request(port, "POST", "/rest/token/", body, **address)] += 1


def main() -> None:
    """Print a row for each settings."""
    server().make_database(DATABASE)
    connection.close()
    connection.settings_dict["NAME"] = DATABASE
    call_command("migrate", verbosity=0)
    print(f"A page while {LOGINS} visitors guess passwords for {SECONDS} s, milliseconds, {os.cpu_count()} cores.\n")
    print("| | median | p95 | longest | logins answered |\n| --- | --- | --- | --- | --- |")
    for name, settings in SETTINGS.items():
        with TemporaryDirectory() as folder, site(Path(folder), settings) as port:
            until, answers = time.monotonic() + SECONDS, Counter[int]()
            threads = [threading.Thread(target=guess, args=(port, who, until, answers)) for who in range(LOGINS)]
            for thread in threads:
                thread.start()
            times = []
            while time.monotonic() < until:
                times.append(page(port) or 60.0)
            for thread in threads:
                thread.join()
        figures = " | ".join(f"{1000 * value:.0f}" for value in (median(times), quantiles(times, n=20)[-1], max(times)))
        print(f"| {name} | {figures} | {dict(sorted(answers.items()))} |", flush=True)


if __name__ == "__main__":
    main()
