"""The house with the products in it, or with the rooms in ``shapes/``, and nothing of the demo, as a laptop runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import running
from tests.support import host_image
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


#: The rooms in ``shapes/``, and their files.
SHAPES = f"{FOLDER}/shapes"
ROOMS = ("eventlet", "priorities", "parts", "foreign")
SHAPE_FILES = (
    "compose.house.yaml",
    "compose.laptop.yaml",
    *(f"{SHAPES}/{room}/compose.yaml" for room in ROOMS),
    f"{SHAPES}/listed.yaml",
)


@pytest.fixture(scope="module")
def products() -> Iterator[Stack]:
    """The stack with both products, started once for the tests of a module."""
    remove_leftovers()
    stack = Stack(files=FILES)
    with running(stack, by_hand=False):
        yield stack


@pytest.fixture(scope="module")
def shapes() -> Iterator[Stack]:
    """The stack with the rooms, started once for the tests of a module. The foreign image is Debian 12's."""
    remove_leftovers()
    stack = Stack(files=SHAPE_FILES, variables={"FOREIGN_IMAGE": host_image.image(host_image.DEBIAN_12)})
    with running(stack, by_hand=False):
        yield stack


@pytest.fixture
def inbox(products: Stack) -> Inbox:
    """The inbox that all mail goes to."""
    return Inbox(f"http://localhost:{products.ports.mail}")
