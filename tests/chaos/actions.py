"""What is done to the stack: processes killed, frozen and cut off, disks wiped and filled, clocks set wrong."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.stack import docker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.stack import Stack

#: Starts what Compose finds changed or gone, and builds nothing.
UP = ("up", "--detach", "--no-build")

#: What is replaced gets little time: under a wrong clock some waits never end.
STOP_SOON = "--timeout=5"

#: Seconds that Compose may take to start a stack whose servers were killed.
STARTS = 180

#: What the recorder's image is called, and services that a power cut spares: they are the world outside.
TOOLS = "chaos"
OUTSIDE = frozenset({"recorder"})

#: Puts the worker's main process, and one of its pool's, into variables: init, json-lines, worker, pool.
FIND = """
children() { cat "/proc/$1/task/$1/children"; }
main=$(children $(children 1))
child=$(children $main | cut -d ' ' -f 1)
"""

#: What rabbitmq.conf says.
MEMORY, DISK = "400MB", "256MB"


def last(seconds: float) -> None:
    """Let a fault last."""
    threading.Event().wait(seconds)


def kill(stack: Stack, service: str) -> None:
    """Kill all processes of a container; Docker starts it again.

    ``docker kill`` would count as a wish to keep it stopped, so the signal comes from inside.
    """
    shell(stack, service, "kill -KILL -1")


def shell(stack: Stack, service: str, script: str) -> None:
    """Run a script in a container, which may end with it."""
    stack.compose("exec", "--no-TTY", service, "sh", "-c", script, check=False)


def kill_children(stack: Stack, seconds: float) -> None:
    """Kill a process of the worker's pool, once a second."""
    for _ in range(max(int(seconds), 1)):
        shell(stack, "web-worker", f"{FIND} kill -KILL $child")
        last(1)


@contextmanager
def paused(stack: Stack, service: str) -> Iterator[None]:
    """Freeze a container's processes."""
    stack.pause(service)
    try:
        yield
    finally:
        stack.compose("unpause", service)


@contextmanager
def cut(stack: Stack, service: str, peer: str) -> Iterator[None]:
    """Drop whatever two containers send each other; neither is told."""
    networks = stack.inspect(peer)["NetworkSettings"]["Networks"].values()
    peers = ", ".join(network["IPAddress"] for network in networks)
    rules = f"""
        table ip chaos {{
            chain in {{ type filter hook input priority 0; ip saddr {{ {peers} }} drop; }}
            chain out {{ type filter hook output priority 0; ip daddr {{ {peers} }} drop; }}
        }}
    """
    inside = ("--network", f"container:{stack.container(service)}", "--cap-add=NET_ADMIN", "--user=0")
    tool(stack, inside, "nft", rules)
    try:
        yield
    finally:  # who was started again meanwhile has no such table
        tool(stack, inside, "nft", "add table ip chaos; delete table ip chaos")


@contextmanager
def rabbitmq_setting(stack: Stack, setting: Sequence[str], back: Sequence[str]) -> Iterator[None]:
    """Change a limit of RabbitMQ's, and change it back."""
    stack.compose("exec", "--no-TTY", "rabbitmq", "rabbitmqctl", "--quiet", *setting)
    try:
        yield
    finally:
        stack.compose("exec", "--no-TTY", "rabbitmq", "rabbitmqctl", "--quiet", *back)


def wipe(stack: Stack, service: str) -> None:
    """Kill a server and delete its disk while the queues are full, then start it with an empty one.

    The workers are frozen for a moment before, or there would be next to nothing to lose.
    """
    with paused(stack, "web-worker"), paused(stack, "api-worker"):
        last(3)
        docker("rm", "--force", stack.container(service))
        docker("volume", "rm", volume(stack, service))
    stack.compose(*UP, "--no-deps", service, timeout=STARTS)


def everything(stack: Stack) -> None:
    """Cut the power of the whole stack, and start it as an operator would."""
    services = sorted(stack.long_running - OUTSIDE)
    docker("kill", *stack.compose("ps", "--quiet", *services).stdout.split())
    stack.compose(*UP, timeout=STARTS)


@contextmanager
def changed(stack: Stack, service: str, **variables: str) -> Iterator[None]:
    """Run a service with other variables."""
    stack.variables.update(variables)
    stack.compose(*UP, STOP_SOON, "--no-deps", service)
    try:
        yield
    finally:
        for name in variables:
            del stack.variables[name]
        stack.compose(*UP, STOP_SOON, "--no-deps", service)


@contextmanager
def on_a_small_disk(stack: Stack) -> Iterator[None]:
    """Run PostgreSQL on a small file system, with the data that it has; they go back with it."""
    _move(stack, "postgres", "postgres-small", CHAOS_POSTGRES_VOLUME="postgres-small")
    try:
        yield
    finally:
        _move(stack, "postgres-small", "postgres")


def _move(stack: Stack, source: str, target: str, **variables: str) -> None:
    stack.stop("postgres")
    mounts = ("--volume", f"{volume(stack, source)}:/from:ro", "--volume", f"{volume(stack, target)}:/to", "--user=0")
    # Without the reserve, which is larger than the small disk.
    tool(stack, mounts, "sh", "-c", "rm -rf /to/* && tar -C /from --exclude=./reserve -cf - . | tar -C /to -xpf -")
    stack.variables.pop("CHAOS_POSTGRES_VOLUME", None)
    stack.variables.update(variables)
    stack.compose(*UP, "--no-deps", "postgres")
    stack.wait_healthy("postgres")


@contextmanager
def full_disk(stack: Stack) -> Iterator[None]:
    """Fill the small file system under PostgreSQL to its last byte."""
    mounts = ("--volume", f"{volume(stack, 'postgres-small')}:/disk", "--user=10007:10007")
    tool(stack, mounts, "sh", "-c", "dd if=/dev/zero of=/disk/full bs=1M 2>/dev/null || true")
    try:
        yield
    finally:
        tool(stack, mounts, "rm", "/disk/full")


def tool(stack: Stack, options: Sequence[str], *command: str) -> str:
    """Run a command of the tools' image in a container of its own."""
    return docker("run", "--rm", *options, f"{stack.project}/{TOOLS}", *command)


def volume(stack: Stack, name: str) -> str:
    """Return the name by which Docker knows one of the stack's volumes."""
    return f"{stack.project}_{name}"
