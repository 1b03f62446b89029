"""Runs Flower: ``python -m server``. A Flower watches one broker, so each vhost has its own, a thread of this process.

They share the code of Flower and Celery: a vhost costs two or three megabytes, where a process for each, forked from
one with the code, cost fifteen (docs/adr/0047). ``contract/flower.py`` derives the vhosts and the addresses. If one
ends, the process ends, and Docker restarts the container; each saves what it shows once a minute and at its end. On a
laptop the file with the vhosts changes when an application is added or removed: then this program restarts.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time

from config import FILE, SERVICE, FlowerSettings
from landfast_runtime.celery import configure_logging
from landfast_runtime.env import ConfigError, Env, load
from watch import Watch

#: Seconds between two looks at the threads and at the contracts.
INTERVAL = 1.0
#: Seconds within which all save what they show and end; the container's grace period is 10.
GRACE = 8.0
STOP = {signal.SIGTERM, signal.SIGINT}

logger = logging.getLogger(SERVICE)


def have_changed(settings: FlowerSettings) -> bool:
    """Read the file with the vhosts, and return whether it differs from that of the start."""
    try:
        return bool(Env().derived(FILE) != settings.places)
    except ConfigError as error:
        logger.warning("%s", error)
        return False


def main() -> int:
    """Run a Flower for each vhost until SIGTERM, and return the exit status: 1 if one of them has failed."""
    # Blocked in all threads, for sigtimedwait, which misses no signal; an exec keeps that, and a pending signal, too.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP)
    settings = load(SERVICE, FlowerSettings.from_env)
    configure_logging(SERVICE, settings.log_level)
    logging.getLogger("tornado.access").disabled = True  # Nginx logs the requests
    watches = [Watch(settings.of(vhost)) for vhost in settings.places]
    for watch in watches:
        watch.start()

    stopped = changed = False
    while not (stopped or changed) and all(watch.is_running for watch in watches):
        stopped = signal.sigtimedwait(STOP, INTERVAL) is not None
        changed = not stopped and have_changed(settings)

    for watch in watches:
        watch.stop()
    deadline = time.monotonic() + GRACE
    for watch in watches:
        watch.join(max(0.0, deadline - time.monotonic()))
    if changed:  # ./stack up would fail if the container ended
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the image's own command
    return 0 if stopped else 1


if __name__ == "__main__":
    sys.exit(main())
