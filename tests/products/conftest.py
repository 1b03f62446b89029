"""The house with both products in it, and nothing of the demo, as a laptop runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import running
from tests.support.inbox import Inbox
from tests.support.leftovers import remove_leftovers
from tests.support.products import FOLDER, files
from tests.support.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = (
    "compose.house.yaml",
    "compose.laptop.yaml",
    *files(),
    *files("compose.override.yaml"),
    f"{FOLDER}/listed.yaml",
)


@pytest.fixture(scope="session")
def products() -> Iterator[Stack]:
    """The stack, started once for all tests here."""
    remove_leftovers()
    stack = Stack(files=FILES)
    with running(stack, by_hand=False):
        yield stack


@pytest.fixture
def inbox(products: Stack) -> Inbox:
    """The inbox that all mail goes to."""
    return Inbox(f"http://localhost:{products.ports.mail}")
