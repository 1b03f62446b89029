"""A stack of a measurement's own, as servers run it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.support.stack import PREFIX, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def shipped(what: str, **built: str) -> Iterator[Stack]:
    """Have a stack from ``compose.yaml`` alone for as long as the context lasts.

    Args:
        what: its own part of the name.
        built: variables that only the images are built with.
    """
    stack = Stack(f"{PREFIX}{os.getpid()}-{what}", files=("compose.yaml",))
    try:
        replace(stack, variables=built).build()
        stack.up()
        yield stack
    finally:
        stack.down()


def networks(stack: Stack, service: str) -> list[str]:
    """Return the names of a service's networks."""
    return [*stack.inspect(service)["NetworkSettings"]["Networks"]]
