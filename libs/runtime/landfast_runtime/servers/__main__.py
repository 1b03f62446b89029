"""Become an application's web server: its own, or the one that a variable names.

Usage: ``python -m landfast_runtime.servers APPLICATION PORT SERVER PROCESSES THREADS COMMAND...``

APPLICATION is the WSGI application, such as ``mysite.wsgi:application``. SERVER, PROCESSES and THREADS are the
names of variables: the one with the server's name, and those with its numbers of processes and threads. COMMAND
starts the application's own server: it runs where the variable is empty, so nothing is imported before that is known.
"""

from __future__ import annotations

import os
import sys


def main(application: str, port: str, server: str, processes: str, threads: str, *command: str) -> None:
    """Replace this process by the server.

    Args:
        application: the dotted path of the WSGI application.
        port: where another server listens; the command has its own settings.
        server: the variable that names the server.
        processes: the variable with the number of processes.
        threads: the variable with the number of threads in each process.
        command: the argument list of the application's own server.
    """
    chosen = os.environ.get(server, "").strip()
    if chosen:
        from landfast_runtime.servers.commands import other  # noqa: PLC0415 - see above

        command = other(application, int(port), server, processes, threads)
    os.execvp(command[0], command)  # noqa: S606 - the commands are this repository's


main(*sys.argv[1:])
