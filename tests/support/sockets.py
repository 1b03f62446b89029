"""The host's listening sockets and the program that hands them out, as with systemd on a server."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
HAND_OUT = ROOT / "ansible/roles/edge/files/hand-sockets"
TAKE = ROOT / "nginx/take-sockets"
#: The first descriptor number that is well above systemd's.
FREE = 100
#: Gives descriptors the numbers that systemd gives them (sd_listen_fds(3)), then executes the program.
PASS_ON = """
import os, sys
for place, number in enumerate(sys.argv[1].split(",")):
    os.dup2(int(number), 3 + place)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@contextmanager
def handed_out(path: Path, sockets: Sequence[socket.socket], patience: float = 20) -> Iterator[subprocess.Popen[str]]:
    """Hand ``sockets`` out at a Unix socket during the context; yield the process that does it.

    Args:
        path: the path of the Unix socket, which does not exist yet.
        sockets: the site's: those that listen for visitors, and those of UDP.
        patience: seconds without Nginx after which they refuse visitors.
    """
    with socket.socket(socket.AF_UNIX) as counter:
        counter.bind(str(path))
        path.chmod(0o777)  # for any user of Nginx in a container
        counter.listen()
        high = [fcntl.fcntl(each, fcntl.F_DUPFD, FREE) for each in (*sockets, counter)]

        numbers = ",".join(map(str, high))
        program = subprocess.Popen(
            [sys.executable, "-c", PASS_ON, numbers, str(HAND_OUT), str(patience)], pass_fds=high,
            env={**os.environ, "LISTEN_FDS": str(len(high))}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        for descriptor in high:
            os.close(descriptor)
        try:
            yield program
        finally:
            program.kill()
            program.wait()
            if program.stdout:
                program.stdout.close()
