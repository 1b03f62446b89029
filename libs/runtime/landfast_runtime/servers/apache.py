"""Apache as a WSGI server, in the foreground, with the settings in ``apache.conf``.

Usage: ``python -m landfast_runtime.servers.apache mod_wsgi|cgi APPLICATION PORT PROCESSES THREADS``
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from landfast_runtime.servers.commands import BACKLOG, GRACE, LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).parent
#: The variable by which scripts find the application.
APPLICATION = "WSGI_APPLICATION"


def command(module: str, port: int, processes: int, threads: int, passed: Iterable[str]) -> list[str]:
    """Return Apache's command line.

    Args:
        module: ``mod_wsgi`` or ``cgi``.
        port: where it listens.
        processes: how many processes answer requests.
        threads: how many requests each of them answers at once.
        passed: the names of variables that scripts of CGI get.
    """
    defined = {
        "SCRIPTS": HERE / "scripts",
        "PYTHON_HOME": sys.prefix,
        "PORT": port,
        "GRACE": GRACE,
        "LONGEST": LONGEST,
        "BACKLOG": BACKLOG,
        "PROCESSES": processes,
        "THREADS": threads,
        # With CGI each request is a process: no more of them at once than the application has threads elsewhere.
        "AT_ONCE": processes * threads if module == "cgi" else 128,
    }
    arguments = ["apache2", "-D", "FOREGROUND", "-D", module, "-f", str(HERE / "apache.conf")]
    for name, value in defined.items():
        arguments += ["-C", f"Define {name} {value}"]
    if module == "cgi":
        for name in sorted(passed):  # one by one: Apache drops names of a long directive on its command line
            arguments += ["-c", f"PassEnv {name}"]
    return arguments


def main(module: str, application: str, port: str, processes: str, threads: str) -> int:
    """Run Apache until it ends; return its exit status. SIGTERM would end its requests, SIGWINCH lets them finish."""
    variables = {**os.environ, APPLICATION: application}
    apache = subprocess.Popen(command(module, int(port), int(processes), int(threads), variables), env=variables)
    signal.signal(signal.SIGTERM, lambda *_: apache.send_signal(signal.SIGWINCH))
    return apache.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
