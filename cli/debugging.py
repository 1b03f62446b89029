"""``./stack debug SERVICE``: a service with one process and no time limits, in the foreground of this terminal.

``breakpoint()`` in its code stops in this terminal. The usual containers of the service are stopped during that, and
restored afterwards.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

from cli import commands, compose, console, process
from cli.console import StackError

#: 128 and SIGHUP: the terminal was closed.
HUNG_UP = 129
#: For every service. A breakpoint may stop inside a transaction, which PostgreSQL would end after some minutes; and
#: Python's own debugger would handle Ctrl-C itself.
AT_A_BREAKPOINT = {
    "PGOPTIONS": "-c idle_in_transaction_session_timeout=0",
    "PYTHONBREAKPOINT": "landfast_runtime.debugger.stop",
}


def container(service: str) -> str:
    """Return the name of this process's container for ``service``."""
    return f"landfast-debug-{service}-{os.getpid()}"


def foreground(service: str) -> list[str]:
    """Return the command that runs ``service`` in the foreground, under its own name in the networks."""
    form = commands.debugged()[service]
    variables = [f"--env={name}={value}" for name, value in {**AT_A_BREAKPOINT, **form.variables}.items()]
    return compose.compose(
        "run", "--rm", f"--name={container(service)}", "--no-deps", "--use-aliases", *variables, service, *form.command
    )


def hang_up(*_: object) -> NoReturn:
    """End after the terminal was closed. All output is discarded, because writes would fail, in Compose too.

    Raises:
        SystemExit: always.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    sys.exit(HUNG_UP)


def debug(service: str) -> int:
    """Run ``service`` in the foreground until Ctrl-C ends it, then restore it; return Compose's exit status.

    Args:
        service: one of :func:`cli.commands.debugged`.

    Raises:
        StackError: there is no terminal, the stack does not run, or the service cannot be restored.
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
        # After the terminal was closed Compose leaves the container, which has the service's name in the networks.
        process.capture(["docker", "rm", "--force", container(service)])
        if process.run(compose.put_back(service)) != 0:
            raise StackError(f"{service} is not back", "./stack up puts it back; ./stack doctor says what is wrong")
