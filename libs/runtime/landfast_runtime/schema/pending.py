"""How a service tells a deploy which of its migrations are pending, and refuses those that must not run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What a migration says for itself, if the release before can live with it though it does not look so: its reason.
REASON = "compatible_because"


@dataclass(frozen=True)
class Pending:
    """A migration that the database has not seen.

    Args:
        name: what people call it.
        problems: what the release before could not live with (:mod:`landfast_runtime.schema.compatibility`).
        reason: why it can all the same; its author says so.
    """

    name: str
    problems: tuple[str, ...] = ()
    reason: str = ""

    @property
    def line(self) -> str:
        """What a deploy shows of it: nothing that was waved through goes unseen."""
        remarks = ": ".join(part for part in ("; ".join(self.problems), self.reason.strip()) if part)
        return f"{self.name} ({remarks})" if self.problems else self.name


def lines(migrations: Sequence[Pending]) -> list[str]:
    """Return what to print: a deploy looks for lines that begin so.

    Args:
        migrations: those that the database has not seen, in their order.
    """
    return [f"pending: {migration.line}" for migration in migrations] or ["pending: none"]


def refusal(migrations: Sequence[Pending]) -> str:
    """Return why the migrations must not run, with the way out, or nothing if they may.

    Args:
        migrations: those that the database has not seen.
    """
    refused = [migration for migration in migrations if migration.problems and not migration.reason.strip()]
    if not refused:
        return ""
    found = "\n".join(f"  {migration.name} {problem}" for migration in refused for problem in migration.problems)
    return (
        "the release that runs cannot live with what these migrations do, neither now nor after a rollback:\n"
        f"{found}\n"
        "Do it in two releases (docs/how-to/migrations.md), or say in the migration why it is safe: "
        f"{REASON} = '...'"
    )


def tell(migrations: Sequence[Pending]) -> None:
    """Print a line for each migration, or stop the process with the reason why they must not run.

    Args:
        migrations: those that the database has not seen, in their order.
    """
    print(*lines(migrations), sep="\n", flush=True)
    reason = refusal(migrations)
    if reason:
        sys.exit(reason)
