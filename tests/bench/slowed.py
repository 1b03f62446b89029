"""Run a command on a machine that is made slower: ``python3 tests/bench/slowed.py 4 ./stack test``.

A process of real-time priority takes each processor away for a share of every ten milliseconds, as a neighbour on the
same hardware does: containers, Docker and kernel included, which a limit on the command alone would spare. Needs root.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from multiprocessing import Process

#: Seconds in which each processor is away and there again.
PERIOD = 0.01
#: The kernel leaves other programs at least a twentieth of the time, whatever has real-time priority.
SLOWEST = 20


def take(processor: int, factor: float) -> None:
    """Take a processor away for its share of each period, until killed.

    Args:
        processor: its number.
        factor: how many times slower it gets.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's
    os.sched_setaffinity(0, {processor})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    away = PERIOD * (1 - 1 / factor)
    while True:
        until = time.monotonic() + away
        while time.monotonic() < until:
            pass
        time.sleep(PERIOD - away)


def main() -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("factor", type=float, help="how many times slower the machine gets")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run on it")
    options = parser.parse_args()
    if not 1 < options.factor < SLOWEST or not options.command:
        parser.error(f"wanted a factor between 1 and {SLOWEST}, and a command")
    if os.geteuid():
        parser.error("only root may take processors away")
    takers = [Process(target=take, args=(number, options.factor), daemon=True) for number in os.sched_getaffinity(0)]
    for taker in takers:
        taker.start()
    try:
        return subprocess.run(options.command, check=False).returncode
    finally:
        for taker in takers:
            taker.kill()


if __name__ == "__main__":
    sys.exit(main())
