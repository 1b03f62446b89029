"""``flask keys``: creation, listing and revocation of API keys on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup

from api.access import SCOPES
from api.db import transaction
from api.keys import store

if TYPE_CHECKING:
    from api.keys.models import ApiKey

keys = AppGroup("keys", help="Create, list and revoke API keys.")


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice([*SCOPES, "all"]), help="Repeatable."
)
@click.option("--requests-per-minute", type=click.IntRange(min=1), help="The rate limit, unless it is the default.")
@click.option("--days", type=click.IntRange(min=1, max=3650), help="The validity; for ever by default.")
def create(name: str, scopes: tuple[str, ...], requests_per_minute: int | None, days: int | None) -> None:
    """Create a key for NAME (its owner and purpose) and print it; it cannot be read again."""
    wanted = tuple(SCOPES) if "all" in scopes else scopes
    lasts = timedelta(days=days) if days else None
    with transaction() as session:
        text = store.create(session, name, wanted, requests_per_minute=requests_per_minute, lasts=lasts)
    click.echo(text)


@keys.command("list")
def show() -> None:
    """Print all keys: prefix, state, when it was last used, scopes, name."""
    with transaction() as session:
        for key in store.everything(session):
            used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
            click.echo("  ".join([key.prefix, f"{_state(key):<7}", f"{used:<16}", ",".join(key.scopes), key.name]))


@keys.command("revoke")
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """Make the key with this PREFIX useless, at once and for good."""
    try:
        with transaction() as session:
            name = store.revoke(session, prefix.removeprefix("lfk_").partition("_")[0]).name
    except LookupError as error:
        raise click.ClickException(str(error.args[0])) from None
    click.echo(f"revoked: {name}")


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    expired = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return "expired" if expired else "good"
