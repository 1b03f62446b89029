"""``flask keys``: creation, listing and revocation of API keys on the command line."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup

from api.access import SCOPES
from api.db import transaction
from api.keys import orphans, store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.keys.models import ApiKey

keys = AppGroup("keys", help="Create, list and revoke API keys.")


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice([*SCOPES, "all"]), help="Repeatable."
)
@click.option("--requests-per-minute", type=click.IntRange(min=1), help="The rate limit, unless it is the default.")
@click.option("--days", type=click.IntRange(min=1, max=3650), help="The validity; for ever by default.")
@click.option("--shares-with", metavar="PREFIX", help="It sees and changes what the key with this PREFIX does.")
def create(
    name: str,
    scopes: tuple[str, ...],
    requests_per_minute: int | None,
    days: int | None,
    shares_with: str | None,
) -> None:
    """Create a key for NAME (its owner and purpose) and print it; it cannot be read again.

    A key sees and changes only what it made itself. One that replaces another, or stands beside it, shares with it.
    """
    wanted = tuple(SCOPES) if "all" in scopes else scopes
    lasts = timedelta(days=days) if days else None
    with _known_prefix(), transaction() as session:
        owner = store.find(session, _prefix(shares_with)).owner_id if shares_with else None
        text = store.create(session, name, wanted, requests_per_minute=requests_per_minute, lasts=lasts, owner=owner)
    click.echo(text)


@keys.command("list")
def show() -> None:
    """Print all keys: prefix, state, when it was last used, scopes, name, and the first of those that share."""
    with transaction() as session:
        found = store.everything(session)
        prefixes = {key.id: key.prefix for key in found}
        for key in found:
            used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
            shares = [f"(shares with {prefixes.get(key.owner, 'a removed key')})"] if key.owner else []
            columns = [key.prefix, f"{_state(key):<7}", f"{used:<16}", ",".join(key.scopes), key.name, *shares]
            click.echo("  ".join(columns))


@keys.command("revoke")
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """Make the key with this PREFIX useless, at once and for good."""
    with _known_prefix(), transaction() as session:
        name = store.revoke(session, _prefix(prefix)).name
    click.echo(f"revoked: {name}")


@keys.command("adopt")
@click.argument("prefix")
def adopt(prefix: str) -> None:
    """Give all rows without an owner, from before keys had one, to the key with this PREFIX."""
    with _known_prefix(), transaction() as session:
        for table, number in orphans.adopt(session, store.find(session, _prefix(prefix)).owner_id).items():
            click.echo(f"{table}: {number}")


@contextmanager
def _known_prefix() -> Iterator[None]:
    """Print the reason of a LookupError, and stop."""
    try:
        yield
    except LookupError as error:
        raise click.ClickException(str(error.args[0])) from None


def _prefix(text: str) -> str:
    """Return the prefix of a key, of which the caller may have given the whole text."""
    return text.removeprefix("lfk_").partition("_")[0]


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    expired = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return "expired" if expired else "good"
