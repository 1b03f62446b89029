"""The faults, by the names that the table and the command line use."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.chaos import actions
from tests.support.stack import CommandError
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.support.stack import Stack

#: Seconds that what ends by itself only when somebody ends it lasts.
LASTS = 30.0

#: In a row of random ones, each of these lasts so long, and so long is the breath between two.
BRIEF, BREATH = 6.0, 4.0
RANDOM = 10

#: Seconds that something may take until it can be struck again, on an idle reference machine.
STRIKES = 90


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Args:
        name: how the table and the command line call it.
        strike: makes it happen, for so many seconds where that means something, and ends it.
        quick: whether it may be one of the random ones.
        prepared: what stands around the whole run, before the load and until after it.
        lasts: seconds that it lasts, unless the form of the suite has less time.
        engine: whose worker books what the API accepts.
    """

    name: str
    strike: Callable[[Stack, float], None]
    quick: bool = True
    prepared: Callable[[Stack], AbstractContextManager[None]] | None = None
    lasts: float = LASTS
    engine: str = "celery"


def _kill(service: str, engine: str = "celery") -> Fault:
    return Fault(f"kill-{service}", lambda stack, _: actions.kill(stack, service), engine=engine)


def _lasting(name: str, begin: Callable[[Stack], AbstractContextManager[None]]) -> Fault:
    def strike(stack: Stack, seconds: float) -> None:
        with begin(stack):
            actions.last(seconds)

    return Fault(name, strike)


def _pause(service: str) -> Fault:
    return _lasting(f"pause-{service}", lambda stack: actions.paused(stack, service))


def _cut(service: str, peer: str) -> Fault:
    return _lasting(f"cut-{service}-{peer}", lambda stack: actions.cut(stack, service, peer))


def _wipe(service: str) -> Fault:
    return Fault(f"wipe-{service}", lambda stack, _: actions.wipe(stack, service))


def _alarm(name: str, setting: tuple[str, ...], back: tuple[str, ...]) -> Fault:
    return _lasting(name, partial(actions.rabbitmq_setting, setting=setting, back=back))


def _wrong_clock(name: str, offset: str) -> Fault:
    preload = "/opt/faketime/libfaketime.so.1"

    def strike(stack: Stack, seconds: float) -> None:
        with actions.changed(stack, "web-worker", CHAOS_PRELOAD=preload, CHAOS_CLOCK=offset):
            actions.last(seconds)

    return Fault(name, strike, quick=False)


def _fill(stack: Stack, seconds: float) -> None:
    with actions.full_disk(stack):
        actions.last(seconds)


SERVICES = (
    "web-django", "web-worker", "web-mail", "web-beat", "api-flask", "api-worker",
    "relay", "rabbitmq", "redis", "postgres",
)  # fmt: skip
KILL_PARENT = f"{actions.FIND} kill -KILL $main"
MEMORY_LIMIT = ("set_vm_memory_high_watermark", "absolute")
DISK_LIMIT = ("set_disk_free_limit",)

FAULTS = (
    Fault("nothing", lambda _, seconds: actions.last(seconds), quick=False, lasts=5),
    # Early, because the small disk has to hold what the rows before have left.
    Fault("full-disk-postgres", _fill, quick=False, prepared=actions.on_a_small_disk),
    *map(_kill, SERVICES),
    _kill("worker-dramatiq", engine="dramatiq"),
    Fault("kill-web-worker-parent", lambda stack, _: actions.shell(stack, "web-worker", KILL_PARENT)),
    Fault("kill-web-worker-child", actions.kill_children, lasts=10),
    *map(_pause, SERVICES),
    _wipe("rabbitmq"),
    _wipe("redis"),
    _cut("web-worker", "rabbitmq"),
    _cut("relay", "rabbitmq"),
    _cut("web-worker", "postgres"),
    _alarm("memory-alarm", (*MEMORY_LIMIT, "1MB"), (*MEMORY_LIMIT, actions.MEMORY)),
    _alarm("disk-alarm", (*DISK_LIMIT, "90000GB"), (*DISK_LIMIT, actions.DISK)),
    _wrong_clock("clock-ahead", "+1h"),
    _wrong_clock("clock-behind", "-1h"),
    Fault("kill-everything", lambda stack, _: actions.everything(stack), quick=False),
)

#: Those of the short form, the quick ones: a process, a server and all of them die, a disk is wiped, a line is cut. The
#: long form has the others, which the same mechanisms catch.
SHORT = (
    "kill-web-worker", "kill-relay", "kill-postgres", "wipe-rabbitmq", "cut-web-worker-postgres", "kill-everything",
)  # fmt: skip


def ten_random(seed: int) -> Fault:
    """Return ten faults in a row, the same ones for the same seed."""
    chosen = random.Random(seed).choices([fault for fault in FAULTS if fault.quick], k=RANDOM)  # noqa: S311 - no secret

    def strike(stack: Stack, _seconds: float) -> None:
        print(f"  CHAOS_SEED={seed}", flush=True)
        for fault in chosen:
            print(f"  {fault.name}", flush=True)
            strike_once(stack, fault)
            actions.last(BREATH)

    return Fault("ten-random", strike, quick=False)


def strike_once(stack: Stack, fault: Fault) -> None:
    """Let a brief fault strike; what it strikes may be on its way back from the one before.

    Raises:
        CommandError: it cannot be struck, even after a while.
    """
    deadline = time.monotonic() + PATIENCE * STRIKES
    while True:
        try:
            fault.strike(stack, BRIEF)
        except CommandError:
            if time.monotonic() > deadline:
                raise
            actions.last(1)
        else:
            return


@contextmanager
def preparation(fault: Fault, stack: Stack) -> Iterator[None]:
    """Do what a fault wants done around its whole run."""
    with ExitStack() as around:
        if fault.prepared:
            around.enter_context(fault.prepared(stack))
        yield
