"""``python -m landfast_outbox.relays`` runs a relay for each database that has tasks, side by side.

On a laptop the contracts change while the program runs, when an application is added or removed: then it re-executes
itself. It does not exit, because ``docker compose up --wait`` would take that for a failure.
"""

from __future__ import annotations

import logging
import logging.config
import os
import signal
import sys
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from landfast_runtime.env import ConfigError, Env, load
from landfast_runtime.logs import logging_config

from landfast_outbox import monitor
from landfast_outbox.databases import connect
from landfast_outbox.monitor import Watch
from landfast_outbox.publisher import Publisher
from landfast_outbox.readiness import METRICS_PORT
from landfast_outbox.relay import Relay
from landfast_outbox.settings import Settings
from landfast_outbox.tally import Meters, Tally
from landfast_outbox.vhosts import Publishers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from landfast_outbox.settings import Route

#: Seconds between two checks of the contracts.
INTERVAL = 1.0

logger = logging.getLogger(__name__)


def run(relays: Sequence[Relay], stopping: threading.Event, have_changed: Callable[[], bool]) -> bool:
    """Run relays side by side until the stop signal; a bug in one ends them all, and is raised.

    Args:
        relays: one for each database.
        stopping: the stop signal.
        have_changed: returns whether the contracts have changed, which ends the relays too; called each second.

    Returns:
        Whether the relays ended because the contracts have changed.
    """
    changed = False
    with ThreadPoolExecutor(len(relays)) as pool:
        try:
            running = [pool.submit(relay.run) for relay in relays]
            while not wait(running, INTERVAL, FIRST_EXCEPTION).done and not changed:
                changed = have_changed() and not stopping.is_set()
        finally:
            stopping.set()  # the pool waits for all of them
    for each in running:
        each.result()
    return changed


def publishers(route: Route, stopping: threading.Event) -> Publishers:
    """Return the publishers for the vhosts of a database's tasks.

    Args:
        route: the database and the vhosts.
        stopping: the stop signal.
    """
    made = {vhost: Publisher(replace(route.broker, vhost=vhost), stopping) for vhost in set(route.elsewhere.values())}
    return Publishers(
        Publisher(route.broker, stopping), {queue: made[vhost] for queue, vhost in route.elsewhere.items()}
    )


def differ(settings: Settings) -> bool:
    """Return whether the databases with tasks, or their vhosts, differ from those at the start."""
    try:
        return Settings.from_env(Env()).routes != settings.routes
    except ConfigError as error:
        logger.warning("the settings cannot be read", extra={"problem": str(error)})
        return False


def main() -> None:
    """Relay until SIGTERM or SIGINT."""
    settings = load("relay", Settings.from_env)
    logging.config.dictConfig(logging_config("relay", settings.log_level))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    meters = Meters()
    relays, watches = [], []
    for route in settings.routes:
        connect_here = partial(connect, route.postgres, "relay")
        tally = Tally(meters, route.postgres.database)
        relays.append(Relay(connect_here, publishers(route, stopping), settings.periods, stopping, tally))
        watches.append(Watch(relays[-1], connect_here))
        lost_after = str(settings.periods.lost)
        logger.info(
            "relay started", extra={"database": tally.database, "vhost": route.broker.vhost, "lost_after": lost_after}
        )
    with monitor.serving(watches, meters.registry, METRICS_PORT):
        changed = run(relays, stopping, partial(differ, settings))
    if changed:
        logger.info("the contracts have changed: the relay restarts")
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the image's own command


if __name__ == "__main__":
    main()
