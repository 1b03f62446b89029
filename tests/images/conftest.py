"""The images under test, without a stack: containers of theirs run alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.leftovers import remove_leftovers
from tests.support.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def images() -> Iterator[Stack]:
    """The images that servers get, and the secrets that a first start makes; nothing runs."""
    remove_leftovers()
    laptop = Stack()
    shipped = Stack(laptop.project, ports=laptop.ports, files=("compose.yaml",))
    try:
        laptop.build()
        shipped.compose("run", "--rm", "--no-TTY", "secrets")
        yield shipped
    finally:
        laptop.down()
