from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest
import redis.exceptions
from api import limits
from api.app import create_app
from api.limits import Counter
from limits.storage import MemoryStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.config import Settings
    from flask import Flask
    from flask.testing import FlaskClient
    from landfast_testing.outbox import Outbox
    from sqlalchemy import Engine

UNITS = "/api/v1/units"
ADD, SUM = "/api/v1/tasks/add", {"x": 4, "y": 4}


class Away(MemoryStorage):
    """A Redis that can go away and come back; it counts its requests."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.asked = 0

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        self.asked += 1
        if self.away:
            self.fail()
        return super().incr(key, expiry, amount)

    def fail(self) -> NoReturn:
        raise redis.exceptions.ConnectionError("Connection refused")


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_every_answer_tells_what_is_left(client: FlaskClient, make_key: Callable[..., str]) -> None:
    headers = bearer(make_key(requests_per_minute=5))

    answers = [client.get(UNITS, headers=headers) for _ in range(2)]
    assert [answer.headers["RateLimit-Policy"] for answer in answers] == ['"requests";q=5;w=60'] * 2
    assert [re.sub("t=[0-9]+", "t=", answer.headers["RateLimit"]) for answer in answers] == [
        '"requests";r=4;t=',
        '"requests";r=3;t=',
    ]


def test_one_request_too_many_is_refused(client: FlaskClient, make_key: Callable[..., str]) -> None:
    headers = bearer(make_key(requests_per_minute=1))
    client.get(UNITS, headers=headers)

    refused = client.get(UNITS, headers=headers)
    assert (refused.status_code, refused.content_type) == (429, "application/problem+json")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit"].startswith('"requests";r=0;t=')


def test_a_problem_tells_what_is_left_too(client: FlaskClient, make_key: Callable[..., str]) -> None:
    response = client.get(f"{UNITS}?page[size]=x", headers=bearer(make_key(requests_per_minute=5)))

    assert response.status_code == 422
    assert response.headers["RateLimit"].startswith('"requests";r=4')


def test_each_key_counts_for_itself(client: FlaskClient, make_key: Callable[..., str]) -> None:
    spent, other = bearer(make_key(requests_per_minute=1)), bearer(make_key(requests_per_minute=1))
    client.get(UNITS, headers=spent)

    assert client.get(UNITS, headers=spent).status_code == 429
    assert client.get(UNITS, headers=other).status_code == 200


def test_what_is_open_to_all_is_not_counted(client: FlaskClient) -> None:
    assert "RateLimit" not in client.get("/api/v1/ping").headers


@pytest.fixture
def few(settings: Settings, engine: Engine) -> FlaskClient:
    """A client of an API that lets an address send two requests a minute without a key."""
    return create_app(replace(settings, address_rate_limit=2), engine).test_client()


def sums(client: FlaskClient, *addresses: str) -> list[int]:
    """Send a task from each address without a key, and return the statuses."""
    return [client.post(ADD, json=SUM, environ_base={"REMOTE_ADDR": each}).status_code for each in addresses]


def test_an_address_without_a_key_fills_no_table(few: FlaskClient, outbox: Outbox) -> None:
    assert sums(few, *["192.0.2.1"] * 300) == [202] * 2 + [429] * 298
    assert len(outbox.tasks) == 2
    assert sums(few, "192.0.2.2") == [202], "another address has a limit of its own"


def test_a_stranger_is_told_when_to_come_back(few: FlaskClient) -> None:
    answers = [few.post(ADD, json=SUM) for _ in range(3)]

    assert answers[0].headers["RateLimit"].startswith('"requests";r=1;t=')
    assert (answers[2].status_code, answers[2].content_type) == (429, "application/problem+json")
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60


def test_the_addresses_of_one_network_count_together(few: FlaskClient) -> None:
    assert sums(few, "2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3") == [202, 202, 429]
    assert sums(few, "2001:db8:0:1::1") == [202]
    assert sums(few, "::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1") == [202, 202, 429]


def test_many_addresses_together_have_a_limit_too(few: FlaskClient) -> None:
    statuses = sums(few, *(f"192.0.2.{number}" for number in range(1, 31)))

    assert statuses == [202] * 20 + [429] * 10


def test_an_address_that_is_over_its_limit_takes_nothing_of_the_others(few: FlaskClient) -> None:
    sums(few, *["192.0.2.1"] * 100)

    assert sums(few, *(f"192.0.2.{number}" for number in range(2, 11))) == [202] * 9


def test_it_counts_in_memory_while_redis_is_away_and_asks_it_seldom(app: Flask) -> None:
    storage = Away()
    counter = Counter(storage, 3, address_limit=3)
    storage.away = True

    with app.app_context():
        standings = [counter.hit("key:1", 3) for _ in range(4)]
    assert [standing.allowed for standing in standings] == [True, True, True, False]
    assert [standing.remaining for standing in standings] == [2, 1, 0, 0]
    assert storage.asked == 1


def test_it_counts_in_redis_again_when_that_is_back(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Away()
    counter = Counter(storage, 3, address_limit=3)
    monkeypatch.setattr(limits, "ASK_AGAIN", 0)
    storage.away = True
    with app.app_context():
        counter.hit("key:1", 3)
        storage.away = False

        assert counter.hit("key:1", 3).remaining == 2
    assert storage.asked == 2
