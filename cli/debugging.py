"""``./stack debug SERVICE``: a service with one process and no time limits, in the foreground of this terminal.

``breakpoint()`` in its code stops there. In its stead nothing serves meanwhile; afterwards the service is put back.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from cli import compose, console, process
from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: 128 and SIGHUP: the terminal was closed.
HUNG_UP = 129
#: For every service. A stop at a breakpoint is one in a transaction, which PostgreSQL would end after some minutes; and
#: Python's own debugger would keep Ctrl-C to itself.
AT_A_BREAKPOINT = {
    "PGOPTIONS": "-c idle_in_transaction_session_timeout=0",
    "PYTHONBREAKPOINT": "landfast_runtime.debugger.stop",
}


@dataclass(frozen=True)
class Form:
    """How a service runs with one process that has the terminal.

    Args:
        command: the argument list; no ``json-lines``, which would come between the debugger and the terminal.
        variables: what it gets beside the service's own.
    """

    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


#: uWSGI gives its processes no standard input unless asked.
_UWSGI = ("--honour-stdin", "--harakiri", "0")
#: Saved code would take the process away that stands at a breakpoint.
_ONE = {"API_PROCESSES": "1", "API_THREADS": "1", "API_AUTORELOAD": "0"}

FORMS = {
    "web-django": Form(
        ("gunicorn", "--config", "gunicorn.conf.py", "--worker-class", "sync", "--timeout", "0"),
        {"WEB_WORKERS": "1", "WEB_THREADS": "1"},
    ),
    "api-flask": Form(("uwsgi", "--ini", "uwsgi.ini", *_UWSGI), _ONE),
    "api-uploads": Form(("uwsgi", "--ini", "uploads.ini", *_UWSGI), _ONE),
    # Nobody answers RabbitMQ's heartbeats at a breakpoint. The solo pool knows no time limits.
    **{
        service: Form(
            ("celery", "-q", "-A", program, "worker", "--pool", "solo", "--", "broker.heartbeat=0"),
            {"WORKER_CONCURRENCY": "1"},
        )
        for service, program in (
            ("worker", "worker.app"),
            ("web-worker", "mysite.worker"),
            ("api-worker", "api.worker"),
        )
    },
}


def container(service: str) -> str:
    """Return the name of the container in which this process runs ``service``."""
    return f"landfast-debug-{service}-{os.getpid()}"


def foreground(service: str) -> list[str]:
    """Return the command that runs ``service`` in the foreground, under its own name in the networks."""
    form = FORMS[service]
    variables = [f"--env={name}={value}" for name, value in {**AT_A_BREAKPOINT, **form.variables}.items()]
    return compose.compose(
        "run", "--rm", f"--name={container(service)}", "--no-deps", "--use-aliases", *variables, service, *form.command
    )


def hang_up(*_: object) -> NoReturn:
    """End because the terminal was closed, and print nothing there any more: that would fail, in Compose too.

    Raises:
        SystemExit: always.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    sys.exit(HUNG_UP)


def debug(service: str) -> int:
    """Run ``service`` in the foreground until Ctrl-C ends it, then put it back; return Compose's exit status.

    Args:
        service: one of :data:`FORMS`.

    Raises:
        StackError: nobody sits at a terminal, the stack does not run, or the service cannot be put back.
    """
    if not console.may_ask():
        raise StackError("a debugger needs a terminal", "run this in one, not in a pipe or a script")
    signal.signal(signal.SIGHUP, hang_up)
    if process.run(compose.compose("stop", service)) != 0:
        raise StackError(f"{service} cannot be stopped", "./stack doctor says whether Docker is well")
    try:
        print(f"{service} runs here, without time limits; Ctrl-C ends it and puts it back.", flush=True)
        return process.run(foreground(service))
    finally:
        # Compose leaves it where the terminal was closed, and it has the service's name in the networks.
        process.capture(["docker", "rm", "--force", container(service)])
        if process.run(compose.put_back(service)) != 0:
            raise StackError(f"{service} is not back", "./stack up puts it back; ./stack doctor says what is wrong")
