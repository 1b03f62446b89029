"""Runs Flower: a process for each vhost, as Flower knows one broker.

``contract/flower.py`` says which vhosts there are, and where each process answers. The processes are forked from this
one, which has the code of Flower and Celery in memory already: they share it, and each vhost costs what its process
writes alone. Where the house's vhost is the only one, this process is its Flower. On a laptop the file with the vhosts
changes when an application is added or removed: then all end, and this program begins again.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import signal
import sys

from celery.bin import celery  # it brings the command flower
from config import FILE, SERVICE, FlowerSettings
from landfast_runtime.celery import configure_logging
from landfast_runtime.env import ConfigError, Env, load
from supervisor import INTERVAL, supervise


def be_flower(vhost: str) -> None:
    """Be the Flower of a vhost; it ends the process."""
    os.environ |= {"RABBITMQ_VHOST": vhost}
    sys.argv = ["celery", "--app=celery_app", "flower", "--conf=/app/flowerconfig.py"]
    celery.main()


class Contracts:
    """The vhosts of the contracts, and whether these have changed since the start.

    Args:
        settings: those of the start.
    """

    def __init__(self, settings: FlowerSettings) -> None:
        self._settings, self._process, self._have_changed = settings, os.getpid(), False

    def have_changed(self) -> bool:
        """Look into the file, and return whether it says something else."""
        try:
            self._have_changed |= Env().derived(FILE) != self._settings.places
        except ConfigError as error:
            logging.getLogger(SERVICE).warning("%s", error)
        return self._have_changed

    def end_on_change(self) -> None:
        """Have this process end when they change, as on SIGTERM."""

        def look(*_: object) -> None:
            if self.have_changed():
                stop_looking()
                signal.signal(signal.SIGTERM, signal.SIG_DFL)  # one that comes now is no reason to begin again
                sys.exit()

        signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, INTERVAL, INTERVAL)

    def begin_again(self) -> None:
        """Become this program anew if that is why it ended; ``./stack up`` would fail if the container ended."""
        if self._have_changed and os.getpid() == self._process:  # its children end for good
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - as the image's own command


def stop_looking() -> None:
    """Look no more: a timer would outlive its handler, and kill."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Run Flower for each vhost."""
    settings = load(SERVICE, FlowerSettings.from_env)
    configure_logging(SERVICE, settings.log_level)
    contracts = Contracts(settings)
    atexit.register(contracts.begin_again)  # after Flower has saved what it has seen: the last of these comes first
    atexit.register(stop_looking)
    if len(settings.places) > 1:
        gc.freeze()  # a collector that looks at an object writes to it, and a child would get a copy of its own
        supervise(settings.places, be_flower, contracts.have_changed)
    else:
        contracts.end_on_change()
        be_flower(settings.broker.vhost)


if __name__ == "__main__":
    main()
