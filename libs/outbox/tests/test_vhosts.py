"""Tasks of one database go to the virtual hosts of their queues, and one that is away delays no other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

import pytest
from landfast_outbox import publisher
from landfast_outbox.publisher import BrokerError, Outcome, Publisher
from landfast_outbox.store import Message
from landfast_outbox.vhosts import RETRY, Publishers

from tests.relaying import FakePublisher

AWAY = "NOT_ALLOWED: access to vhost 'web' refused"


class Clock:
    """A clock that stands still until the test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def web() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def both(house: FakePublisher, web: FakePublisher, clock: Clock) -> Publishers:
    """The virtual host of the house, and one for two queues."""
    first, other = cast("Publisher", house), cast("Publisher", web)
    return Publishers(first, {"web": other, "web.mail": other}, clock)


def row(queue: str, **headers: object) -> Message:
    return Message(uuid4(), queue, dict(headers), {}, "[]", ordered=False, due_at=datetime.now(UTC), sequence=1)


def test_each_task_goes_to_the_virtual_host_of_its_queue(
    both: Publishers, house: FakePublisher, web: FakePublisher
) -> None:
    rows = [row("tasks"), row("web"), row("web.mail"), row("tasks")]

    outcome = both.publish(rows)

    assert house.published == [rows[0].id, rows[3].id]
    assert web.published == [rows[1].id, rows[2].id]
    assert set(outcome.confirmed) == {each.id for each in rows}


def test_what_each_refuses_is_reported(both: Publishers, web: FakePublisher) -> None:
    full, sent = row("web"), row("tasks")
    web.answer = lambda _: Outcome(refused={full.id: "full"}, closed={"web"})

    outcome = both.publish([full, sent])

    assert (outcome.confirmed, outcome.refused, outcome.closed) == ([sent.id], {full.id: "full"}, {"web"})


def test_a_virtual_host_that_cannot_be_entered_closes_its_own_queues_alone(
    both: Publishers, web: FakePublisher
) -> None:
    web.away = AWAY
    kept, sent = row("web.mail"), row("tasks")

    outcome = both.publish([kept, sent])

    assert (outcome.confirmed, outcome.refused, outcome.closed) == ([sent.id], {kept.id: AWAY}, {"web.mail"})
    for _ in range(4):
        both.pulse()


def test_without_any_virtual_host_the_broker_is_away(
    both: Publishers, house: FakePublisher, web: FakePublisher
) -> None:
    web.away = house.away = "connection refused"

    with pytest.raises(BrokerError, match="connection refused"):
        both.pulse()
    with pytest.raises(BrokerError, match="connection refused"):
        both.publish([row("web")])
    web.away = house.away = ""
    both.pulse()
    assert both.publish([row("web"), row("tasks")]).closed == set()


def test_one_that_is_away_is_tried_again_after_a_while(both: Publishers, web: FakePublisher, clock: Clock) -> None:
    web.away = AWAY
    both.publish([row("web")])
    tried: list[str] = []
    web.pulse = lambda: tried.append("web")  # type: ignore[method-assign]

    for _ in range(4):
        both.pulse()
    assert tried == []
    clock.now = RETRY
    for _ in range(2):
        both.pulse()
    assert tried == ["web"]


def test_an_alarm_in_any_of_them_blocks(both: Publishers, web: FakePublisher) -> None:
    assert both.blocked == ""
    web.blocked = "low on disk"
    assert both.blocked == "low on disk"


def test_it_closes_all(both: Publishers, house: FakePublisher, web: FakePublisher) -> None:
    both.close()

    assert house.closed
    assert web.closed


def test_headers_lead_a_task_to_no_further_queue() -> None:
    """RabbitMQ would deliver a copy to each queue in them, as if the relay had published it there."""
    sent = publisher.message(row("tasks", CC=["web.mail"], BCC=["api"], task="tasks.add"))

    assert sent.properties["application_headers"] == {"task": "tasks.add"}
