"""Runs Flower: one process for each vhost, because a process of Flower watches one broker only.

``contract/flower.py`` derives the vhosts and the addresses of their processes. The processes are forks of this one,
which has loaded the code of Flower and Celery: they share that memory, so a vhost costs only its own data. If the
house's vhost is the only one, this process becomes its Flower. On a laptop the file with the vhosts changes when an
application is added or removed: then all processes end, and this program restarts.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import signal
import sys

from celery.bin import celery  # it includes the command flower
from config import FILE, SERVICE, FlowerSettings
from landfast_runtime.celery import configure_logging
from landfast_runtime.env import ConfigError, Env, load
from supervisor import INTERVAL, supervise


def run_flower(vhost: str) -> None:
    """Run the Flower of a vhost in this process, which ends with it."""
    os.environ |= {"RABBITMQ_VHOST": vhost}
    sys.argv = ["celery", "--app=celery_app", "flower", "--conf=/app/flowerconfig.py"]
    celery.main()


class Contracts:
    """The vhosts in the contracts, and their changes since the start.

    Args:
        settings: the settings at the start.
    """

    def __init__(self, settings: FlowerSettings) -> None:
        self._settings, self._process, self._have_changed = settings, os.getpid(), False

    def have_changed(self) -> bool:
        """Read the file, and return whether it has changed since the start."""
        try:
            self._have_changed |= Env().derived(FILE) != self._settings.places
        except ConfigError as error:
            logging.getLogger(SERVICE).warning("%s", error)
        return self._have_changed

    def end_on_change(self) -> None:
        """End this process, as on SIGTERM, when they change."""

        def check(*_: object) -> None:
            if self.have_changed():
                stop_timer()
                signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a SIGTERM from now on ends it without a restart
                sys.exit()

        signal.signal(signal.SIGALRM, check)
        signal.setitimer(signal.ITIMER_REAL, INTERVAL, INTERVAL)

    def restart(self) -> None:
        """Restart this program if it ends for a change; ``./stack up`` would fail if the container ended."""
        if self._have_changed and os.getpid() == self._process:  # children do not restart
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - as the image's own command


def stop_timer() -> None:
    """Stop the timer: it would survive an exec without its handler, and kill the process."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Run Flower for each vhost."""
    settings = load(SERVICE, FlowerSettings.from_env)
    configure_logging(SERVICE, settings.log_level)
    contracts = Contracts(settings)
    atexit.register(contracts.restart)  # registered first, so it runs last, after Flower has saved its state
    atexit.register(stop_timer)
    if len(settings.places) > 1:
        gc.freeze()  # the garbage collector writes to the objects that it visits, which would copy the shared memory
        supervise(settings.places, run_flower, contracts.have_changed)
    else:
        contracts.end_on_change()
        run_flower(settings.broker.vhost)


if __name__ == "__main__":
    main()
