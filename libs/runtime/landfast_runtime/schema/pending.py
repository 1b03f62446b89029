"""A service's report of its pending migrations to a deploy, and the refusal of those that must not run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The attribute of a migration with the reason why the previous release can work with it in spite of a finding.
REASON = "compatible_because"


@dataclass(frozen=True)
class Pending:
    """A pending migration.

    Args:
        name: its name for people.
        problems: changes that the previous release cannot work with (:mod:`landfast_runtime.schema.compatibility`).
        reason: the author's reason why the previous release can work with it all the same.
    """

    name: str
    problems: tuple[str, ...] = ()
    reason: str = ""

    @property
    def line(self) -> str:
        """The line that a deploy shows, with the problems that the author's reason overrides."""
        remarks = ": ".join(part for part in ("; ".join(self.problems), self.reason.strip()) if part)
        return f"{self.name} ({remarks})" if self.problems else self.name


def lines(migrations: Sequence[Pending]) -> list[str]:
    """Return the lines to print; a deploy looks for their prefix.

    Args:
        migrations: the pending migrations in order.
    """
    return [f"pending: {migration.line}" for migration in migrations] or ["pending: none"]


def refusal(migrations: Sequence[Pending]) -> str:
    """Return the reason why the migrations must not run, with the way out; an empty text if they may.

    Args:
        migrations: the pending migrations.
    """
    refused = [migration for migration in migrations if migration.problems and not migration.reason.strip()]
    if not refused:
        return ""
    found = "\n".join(f"  {migration.name} {problem}" for migration in refused for problem in migration.problems)
    return (
        "the running release cannot work with these migrations, neither now nor after a rollback:\n"
        f"{found}\n"
        "Do it in two releases (docs/how-to/migrations.md), or say in the migration why it is safe: "
        f"{REASON} = '...'"
    )


def report(migrations: Sequence[Pending]) -> None:
    """Print a line for each migration, or stop the process with the reason why they must not run.

    Args:
        migrations: the pending migrations in order.
    """
    print(*lines(migrations), sep="\n", flush=True)
    reason = refusal(migrations)
    if reason:
        sys.exit(reason)
