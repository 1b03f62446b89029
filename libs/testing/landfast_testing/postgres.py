"""A PostgreSQL for one test run: started at its first use, in a temporary directory, removed at the end.

It has the images' major version. Its data do not outlive the run, so it never waits for the disk.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL

from landfast_testing.waiting import PATIENCE

#: Seconds that the server may take to start, and to stop.
START, STOP = 20 * PATIENCE, 7 * PATIENCE

#: The superuser; access to the socket is enough, without a password.
USER = "postgres"
PORT = 5432

#: Debian's directory of the server's programs, one for every major version, which is not on the PATH.
DEBIAN = Path("/usr/lib/postgresql")

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "timezone": "UTC",
    "log_min_messages": "fatal",
}


class NoPostgresError(RuntimeError):
    """PostgreSQL is not installed here, or did not start."""


@dataclass(frozen=True)
class Postgres:
    """A running server.

    Args:
        directory: the directory of its socket; libpq takes it for a host.
        port: part of the socket's name.
        user: a superuser without a password.
    """

    directory: Path
    port: int = PORT
    user: str = USER

    @property
    def host(self) -> str:
        """The host for libpq, Django and SQLAlchemy."""
        return str(self.directory)

    def dsn(self, database: str = "postgres") -> str:
        """Return psycopg's connection string for a database."""
        return f"host={self.host} port={self.port} user={self.user} dbname={database}"

    def url(self, database: str) -> URL:
        """Return SQLAlchemy's URL of a database."""
        return URL.create("postgresql+psycopg", username=self.user, host=self.host, port=self.port, database=database)

    def make_database(self, name: str) -> str:
        """Create an empty database, in place of an older one, and return psycopg's connection string for it."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            quoted = sql.Identifier(name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(quoted))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(quoted))
        return self.dsn(name)


@cache
def server() -> Postgres:
    """Return this process's server, which the first call starts.

    Raises:
        NoPostgresError: PostgreSQL is not installed, or did not start.
    """
    directory = Path(tempfile.mkdtemp(prefix="landfast-postgres-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    initialize(directory)
    process = start(directory)
    atexit.register(_stop, process)
    return Postgres(directory)


def initialize(directory: Path) -> None:
    """Create a server's data in an empty directory; its path must be short, because the socket will be there.

    Raises:
        NoPostgresError: PostgreSQL is not installed, or did not work.
    """
    if os.geteuid() == 0:
        raise NoPostgresError("PostgreSQL does not run as root: run the tests as another user, or by ./stack test")
    initdb = [program("initdb"), "--pgdata", str(directory / "data"), "--username", USER, "--auth=trust"]
    initdb += ["--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
    _run(initdb)


def start(directory: Path) -> subprocess.Popen[bytes]:
    """Start a server on its data, and return its process once it accepts sessions.

    Raises:
        NoPostgresError: PostgreSQL did not start.
    """
    log = directory / "log"
    arguments = ["-D", str(directory / "data"), "-k", str(directory), "-p", str(PORT)]
    for name, value in SETTINGS.items():
        arguments += ["-c", f"{name}={value}"]
    with log.open("w") as output:
        process = subprocess.Popen([program("postgres"), *arguments], stdout=output, stderr=output)
    _wait(Postgres(directory), process, log)
    return process


def program(name: str) -> str:
    """Return the path of the newest version of one of PostgreSQL's programs.

    Raises:
        NoPostgresError: PostgreSQL is not installed.
    """
    versions = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]), reverse=True)
    found = str(versions[0]) if versions else shutil.which(name)
    if not found:
        raise NoPostgresError(f"{name} is not here: install PostgreSQL's server (Debian: postgresql)")
    return found


def _wait(running: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START
    while True:
        try:
            psycopg.connect(running.dsn()).close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoPostgresError(f"PostgreSQL did not start: {log.read_text()}") from error
            time.sleep(0.05)
        else:
            return


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # a fast shutdown, which ends all sessions
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        process.kill()


def _run(command: list[str]) -> None:
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        raise NoPostgresError(f"{Path(command[0]).name} failed: {result.stdout}")
