"""Fixtures that more than one module needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.forms import HOUSE, LENGTHY

if TYPE_CHECKING:
    from tests.support.forms import FormChanger
    from tests.support.stack import Stack


@pytest.fixture(scope="session")
def lengthy(forms: FormChanger) -> Stack:
    """The shipped services with tasks that take long or leak."""
    return forms.take(LENGTHY)


@pytest.fixture(scope="session")
def house(forms: FormChanger) -> Stack:
    """The house with the stub in it, and nothing of the demo."""
    return forms.take(HOUSE)
