from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from api.keys import tokens
from api.keys.models import ApiKey
from sqlalchemy import select, update
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient, FlaskCliRunner
    from sqlalchemy import Engine

UNITS = "/api/v1/units"


@pytest.fixture
def command(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def only_key(engine: Engine) -> ApiKey:
    with Session(engine) as session:
        return session.scalars(select(ApiKey)).one()


def change(engine: Engine, **values: object) -> None:
    with Session(engine) as session, session.begin():
        session.execute(update(ApiKey).values(**values))


def test_a_key_opens_what_it_was_made_for(client: FlaskClient, make_key: Callable[..., str]) -> None:
    assert client.get(UNITS, headers=bearer(make_key("tables:read"))).status_code == 200


@pytest.mark.parametrize(
    "header",
    [None, "Bearer", "Bearer ", "Bearer x", "Basic YTpi", f"Bearer {tokens.make().text}", "Bearer lfk_0_ф"],
)
def test_without_a_good_key_nothing_is_told(client: FlaskClient, header: str | None) -> None:
    response = client.get(UNITS, headers={"Authorization": header} if header else {})

    assert response.status_code == 401
    assert response.content_type == "application/problem+json"
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_key_does_not_open_what_it_was_not_made_for(client: FlaskClient, make_key: Callable[..., str]) -> None:
    response = client.post(UNITS, headers=bearer(make_key("tables:read")), json={})

    assert response.status_code == 403
    assert "tables:write" in response.get_json()["detail"]
    assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]


def test_a_key_with_the_prefix_of_another_is_none(client: FlaskClient, make_key: Callable[..., str]) -> None:
    key = make_key()
    forged = key[:-1] + ("A" if key[-1] != "A" else "B")

    assert client.get(UNITS, headers=bearer(forged)).status_code == 401


def test_only_a_hash_of_a_key_is_kept(make_key: Callable[..., str], engine: Engine) -> None:
    key = make_key()

    kept = only_key(engine)
    assert key.startswith(f"lfk_{kept.prefix}_")
    assert kept.digest == tokens.digest(key)
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT api_key::text FROM api_key").scalar_one()
    assert key.split("_", 2)[2] not in row


def test_it_is_known_when_a_key_was_last_used(
    client: FlaskClient, make_key: Callable[..., str], engine: Engine
) -> None:
    headers = bearer(make_key())
    assert only_key(engine).last_used_at is None
    client.get(UNITS, headers=headers)
    used = only_key(engine).last_used_at
    assert used is not None

    client.get(UNITS, headers=headers)
    assert only_key(engine).last_used_at == used, "a write for every request would be one too many"
    change(engine, last_used_at=used - timedelta(minutes=2))
    client.get(UNITS, headers=headers)
    again = only_key(engine).last_used_at
    assert again is not None
    assert again > used - timedelta(minutes=1)


def test_a_key_that_has_expired_opens_nothing(
    client: FlaskClient, make_key: Callable[..., str], engine: Engine
) -> None:
    headers = bearer(make_key(lasts=timedelta(days=1)))
    assert client.get(UNITS, headers=headers).status_code == 200
    change(engine, expires_at=datetime.now(UTC))

    assert client.get(UNITS, headers=headers).status_code == 401


def test_keys_are_made_listed_and_revoked_on_the_command_line(client: FlaskClient, command: FlaskCliRunner) -> None:
    made = command.invoke(args=["keys", "create", "Ada's script", "--scope", "tables:read", "--days", "30"])
    key = made.output.strip()
    assert re.fullmatch(r"lfk_[0-9a-f]{12}_\S{43}", key)
    assert client.get(UNITS, headers=bearer(key)).status_code == 200

    listed = command.invoke(args=["keys", "list"]).output
    prefix = key.split("_")[1]
    assert prefix in listed
    assert "good" in listed
    assert "Ada's script" in listed
    assert key not in listed

    revoked = command.invoke(args=["keys", "revoke", prefix])
    assert revoked.output == "revoked: Ada's script\n"
    assert client.get(UNITS, headers=bearer(key)).status_code == 401
    assert "revoked" in command.invoke(args=["keys", "list"]).output


def test_a_key_may_be_good_for_everything(command: FlaskCliRunner, client: FlaskClient, engine: Engine) -> None:
    key = command.invoke(args=["keys", "create", "all", "--scope", "all"]).output.strip()

    assert client.get(UNITS, headers=bearer(key)).status_code == 200
    assert "tables:write" in only_key(engine).scopes


def test_the_list_shows_what_has_expired(command: FlaskCliRunner, make_key: Callable[..., str]) -> None:
    make_key(lasts=timedelta(seconds=-1))

    assert "expired" in command.invoke(args=["keys", "list"]).output


def test_revoking_an_unknown_key_says_so(command: FlaskCliRunner) -> None:
    result = command.invoke(args=["keys", "revoke", "0123456789ab"])

    assert result.exit_code == 1
    assert "there is no key '0123456789ab'" in result.output


def test_a_scope_that_does_not_exist_is_refused(command: FlaskCliRunner) -> None:
    assert command.invoke(args=["keys", "create", "x", "--scope", "everything"]).exit_code == 2
