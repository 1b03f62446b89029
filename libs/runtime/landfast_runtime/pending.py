"""How a service tells a deploy which of its migrations are pending."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def lines(migrations: Iterable[str]) -> list[str]:
    """Return what to print: a deploy looks for lines that begin so.

    Args:
        migrations: those that the database has not seen, in their order.
    """
    return [f"pending: {migration}" for migration in migrations] or ["pending: none"]
