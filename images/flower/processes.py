"""Runs Flower: a process for each vhost, as Flower knows one broker.

``contract/flower.py`` says which vhosts there are, and where each process answers. The processes are forked from this
one, which has the code of Flower and Celery in memory already: they share it, and each vhost costs what its process
writes alone. Where the house's vhost is the only one, this process is its Flower. On a laptop the file with the vhosts
changes when an application is added or removed: then all end, and Docker starts the container again.
"""

from __future__ import annotations

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


def have_changed(settings: FlowerSettings) -> bool:
    """Return whether the contracts say something else of vhosts than they did at the start."""
    try:
        return Env().derived(FILE) != settings.places
    except ConfigError as error:
        logging.getLogger(SERVICE).warning("%s", error)
        return False


def main() -> None:
    """Run Flower for each vhost."""
    settings = load(SERVICE, FlowerSettings.from_env)
    configure_logging(SERVICE, settings.log_level)
    if len(settings.places) > 1:
        gc.freeze()  # a collector that looks at an object writes to it, and a child would get a copy of its own
        supervise(settings.places, be_flower, lambda: have_changed(settings))
    else:
        signal.signal(signal.SIGALRM, lambda *_: sys.exit() if have_changed(settings) else None)
        signal.setitimer(signal.ITIMER_REAL, INTERVAL, INTERVAL)
        be_flower(settings.broker.vhost)


if __name__ == "__main__":
    main()
