"""``flask upkeep``: removes expired data. The service ``api-periodic`` runs it periodically."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from api.datasets.upkeep import remove_expired_uploads
from api.tasks.upkeep import remove_old_tasks

upkeep = AppGroup("upkeep", help="Remove expired data.")


@upkeep.command("run")
def run() -> None:
    """Remove all of it, and print the numbers."""
    click.echo(f"expired datasets: {remove_expired_uploads()}")
    click.echo(f"expired ids of tasks: {remove_old_tasks()}")
