"""The command line of each WSGI server. All listen on all addresses, and let running requests finish where they can."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from shutil import which
from typing import TYPE_CHECKING

from landfast_runtime.env import EXIT_BAD_CONFIGURATION, ConfigError, Env

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Seconds for running requests at a stop; the containers' grace period is 30.
GRACE = 25
#: Seconds after which a request that hangs is ended, by servers that can.
LONGEST = 60
#: Connections that may wait for a process.
BACKLOG = 1024

#: The build target of an application's Dockerfile that has all servers.
TARGET = "any-server"

_OWN = "landfast_runtime.servers"


@dataclass(frozen=True)
class Served:
    """A WSGI application and the size of its server.

    Args:
        application: its dotted path, such as ``mysite.wsgi:application``.
        port: where the server listens.
        processes: how many processes answer requests.
        threads: how many requests each of them answers at once; servers without threads ignore it.
    """

    application: str
    port: int
    processes: int
    threads: int


@dataclass(frozen=True)
class Server:
    """One kind of server.

    Args:
        arguments: makes the argument list.
        package: the Python package that an image may lack; empty: none.
        program: the program that an image may lack; empty: none.
    """

    arguments: Callable[[Served], list[str]]
    package: str = ""
    program: str = ""

    @property
    def lacking(self) -> str:
        """What this image lacks for the server; empty: nothing."""
        if self.package and find_spec(self.package) is None:
            return self.package
        return self.program if self.program and which(self.program) is None else ""


def gunicorn(served: Served, kind: str, threads: int) -> list[str]:
    """Return Gunicorn's command line.

    Args:
        served: the application.
        kind: Gunicorn's class of workers.
        threads: the threads of each process.
    """
    return [
        *(sys.executable, "-m", "gunicorn", "--config=python:landfast_runtime.django.gunicorn"),
        *(f"--worker-class={kind}", f"--workers={served.processes}", f"--threads={threads}"),
        *(f"--bind=0.0.0.0:{served.port}", f"--timeout={LONGEST}", f"--graceful-timeout={GRACE}", served.application),
    ]


def uwsgi(served: Served) -> list[str]:
    """Return uWSGI's command line; services/api-flask/uwsgi.ini explains the options."""
    return [
        *(
            "uwsgi",
            "--strict",
            f"--http-socket=:{served.port}",
            f"--module={served.application}",
            f"--home={sys.prefix}",
        ),
        *("--need-app", "--master", "--lazy-apps", "--single-interpreter", "--enable-threads"),
        *(f"--processes={served.processes}", f"--threads={served.threads}", "--listen=128", "--buffer-size=65535"),
        *("--max-vars=1100", f"--harakiri={LONGEST}", "--post-buffering=65536", "--disable-logging"),
        *("--hook-master-start=unix_signal:15 gracefully_kill_them_all", f"--worker-reload-mercy={GRACE}"),
    ]


def granian(served: Served) -> list[str]:
    """Return Granian's command line."""
    return [
        *(sys.executable, "-m", "granian", "--interface=wsgi", "--host=0.0.0.0", f"--port={served.port}"),
        *(f"--workers={served.processes}", f"--blocking-threads={served.threads}", f"--backlog={BACKLOG}"),
        *("--http=1", "--no-ws", f"--workers-kill-timeout={GRACE}", served.application),
    ]


def bjoern(served: Served) -> list[str]:
    """Return the command line of our program around Bjoern, which has none of its own."""
    return [sys.executable, "-m", f"{_OWN}.prefork", served.application, str(served.port), str(served.processes)]


def wsgiref(served: Served) -> list[str]:
    """Return the command line of the standard library's server. It has one process."""
    threads = served.processes * served.threads
    return [sys.executable, "-m", f"{_OWN}.reference", served.application, str(served.port), str(threads)]


def apache(served: Served, module: str) -> list[str]:
    """Return the command line of our program around Apache.

    Args:
        served: the application.
        module: how Apache runs it, ``mod_wsgi`` or ``cgi``.
    """
    size = map(str, (served.port, served.processes, served.threads))
    return [sys.executable, "-m", f"{_OWN}.apache", module, served.application, *size]


SERVERS: Mapping[str, Server] = {
    "gunicorn": Server(lambda served: gunicorn(served, "gthread", served.threads), "gunicorn"),
    "gunicorn-sync": Server(lambda served: gunicorn(served, "sync", 1), "gunicorn"),
    "uwsgi": Server(uwsgi, program="uwsgi"),
    "granian": Server(granian, "granian"),
    "bjoern": Server(bjoern, "bjoern"),
    "mod_wsgi": Server(lambda served: apache(served, "mod_wsgi"), program="apache2"),
    "wsgiref": Server(wsgiref),
    "cgi": Server(lambda served: apache(served, "cgi"), program="apache2"),
}


def other(application: str, port: int, server: str, processes: str, threads: str) -> tuple[str, ...]:
    """Return the command of the server that a variable names, or stop the process with a line for each bad variable.

    Args:
        application: the dotted path of the WSGI application.
        port: where the server listens.
        server: the variable that names the server.
        processes: the variable with the number of processes.
        threads: the variable with the number of threads in each process.
    """
    problems: list[ConfigError] = []
    env = Env(problems=problems)
    name = env.text(server, choices=SERVERS)
    served = Served(
        application,
        port,
        env.integer(processes, default=2, minimum=1, maximum=64),
        env.integer(threads, default=4, minimum=1, maximum=64),
    )
    if name in SERVERS and (lacking := SERVERS[name].lacking):
        env.refuse(server, f"is {name!r}, and this image has no {lacking}; its build target {TARGET} has", instead="")
    if problems:
        for problem in problems:
            print(f"FATAL: configuration: {problem}", file=sys.stderr)
        sys.exit(EXIT_BAD_CONFIGURATION)
    return tuple(SERVERS[name].arguments(served))
