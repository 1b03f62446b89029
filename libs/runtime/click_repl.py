"""Stands in for the package of this name, in every process with this folder on its path.

Celery's command imports the package for one subcommand, a shell for AMQP, and with it a library for editing lines:
7 MiB in each worker, in beat and in Flower (measured). Nobody uses that shell here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from click import Group


def register_repl(group: Group) -> None:
    """Add no shell to the commands of ``celery amqp``, which work without one."""
