"""``flask upkeep``: removes expired data. The service ``api-periodic`` runs it periodically."""

from __future__ import annotations

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from api.background import engine
from api.datasets.upkeep import remove_expired_uploads
from api.idempotency.replay import remove_expired
from api.keys.orphans import remove_ended_keys, remove_unreachable
from api.tasks.upkeep import remove_old_tasks

upkeep = AppGroup("upkeep", help="Remove expired data.")

#: The most expired responses that one run removes; each new one removes some, too.
MOST_ANSWERS = 100_000


@upkeep.command("run")
def run() -> None:
    """Remove all of it, and print the numbers."""
    click.echo(f"expired datasets: {remove_expired_uploads()}")
    click.echo(f"expired ids of tasks: {remove_old_tasks()}")
    with Session(engine()) as session, session.begin():
        click.echo(f"expired responses: {remove_expired(session, MOST_ANSWERS)}")
        click.echo(f"ended keys: {remove_ended_keys(session)}")
        click.echo(f"rows of owners without keys: {remove_unreachable(session)}")
