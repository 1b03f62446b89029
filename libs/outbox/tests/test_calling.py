"""Calls of durable tasks: the options that are accepted, and those that are refused."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from celery import chain, chord, group
from landfast_outbox.celery import enqueue_many
from landfast_outbox.celery_messages import REFUSED
from landfast_outbox.task import MAX_BODY, NotDurableError, PayloadError
from landfast_runtime.logs import request_id

from tests.app import add, app, expiring, note, plain, routed

if TYPE_CHECKING:
    from collections.abc import Callable

    from landfast_testing.outbox import Outbox
    from psycopg import Connection

pytestmark = pytest.mark.usefixtures("sessions")

#: An example of each refused option.
VALUES: dict[str, Any] = {
    "link": plain.s(1),
    "link_error": [plain.s(1)],
    "chord": plain.s(1),
    "chain": [plain.s(1)],
    "expires": 60,
    "exchange": "elsewhere",
    "routing_key": "elsewhere",
}


def test_a_call_is_a_row_whose_id_the_caller_has(outbox: Outbox) -> None:
    result = add.delay(4, y=4)

    [task] = outbox.tasks
    assert (task.id, task.name, task.queue, task.arguments) == (result.id, "tests.add", "tasks", [4])
    assert result.state == "PENDING"


def test_a_message_is_what_celery_s_workers_expect(connection: Connection[Any]) -> None:
    result = add.apply_async((4,), {"y": 4}, priority=3, time_limit=20, soft_time_limit=10, shadow="sum")

    row = connection.execute("SELECT body, headers, properties, engine FROM outbox.task").fetchone()
    assert row
    body, headers, properties, engine = row
    nothing = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    assert json.loads(body) == [[4], {"y": 4}, nothing]
    assert {key: headers[key] for key in ("id", "root_id", "task", "lang", "retries", "timelimit", "shadow")} == {
        "id": result.id,
        "root_id": result.id,
        "task": "tests.add",
        "lang": "py",
        "retries": 0,
        "timelimit": [20, 10],
        "shadow": "sum",
    }
    assert (headers["argsrepr"], headers["kwargsrepr"], headers["durable"]) == ("(4,)", "{'y': 4}", True)
    assert (properties, engine) == ({"correlation_id": result.id, "priority": 3}, "celery")


def test_an_id_may_be_chosen_once(outbox: Outbox) -> None:
    chosen = str(uuid.uuid4())

    assert add.apply_async((4, 4), task_id=chosen.upper()).id == chosen
    with pytest.raises(Exception, match="duplicate key"):
        add.apply_async((4, 4), task_id=chosen)
    with pytest.raises(ValueError, match="UUID"):
        add.apply_async((4, 4), task_id="mine")
    assert [task.id for task in outbox.tasks] == [chosen]


def test_the_request_that_a_task_comes_from_is_handed_on(outbox: Outbox) -> None:
    token = request_id.set("request-0001")
    try:
        add.delay(4, 4)
    finally:
        request_id.reset(token)

    assert outbox.tasks[0].headers["request_id"] == "request-0001"


def test_a_task_goes_to_the_queue_of_the_call_or_of_the_routes(outbox: Outbox) -> None:
    add.apply_async((4, 4), queue="slow")
    add.apply_async((4, 4), queue=app.amqp.queues["slow"])
    routed.delay()
    add.delay(4, 4)

    assert [task.queue for task in outbox.tasks] == ["slow", "slow", "slow", "tasks"]


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        (lambda _: {"countdown": 90}, 90),
        (lambda _: {"countdown": 0.5}, 0.5),
        (lambda _: {"countdown": -5}, -5),
        (lambda now: {"eta": now + timedelta(hours=2)}, 7200),
        (lambda now: {"eta": (now + timedelta(hours=2)).replace(tzinfo=None)}, 7200),
        (lambda now: {"eta": (now + timedelta(hours=2)).isoformat()}, 7200),
        (lambda now: {"eta": now.astimezone(timezone(timedelta(hours=5))) + timedelta(hours=2)}, 7200),
        (lambda _: {}, 0),
    ],
    ids=["later", "soon", "earlier", "at", "at-without-zone", "at-as-text", "at-elsewhere", "at-once"],
)
def test_a_delay_counts_by_the_clock_of_the_database(
    connection: Connection[Any], options: Callable[[datetime], dict[str, Any]], seconds: float
) -> None:
    began = time.monotonic()
    add.apply_async((4, 4), **options(datetime.now(UTC)))
    took = time.monotonic() - began

    row = connection.execute("SELECT extract(epoch FROM due_at - created_at)::float FROM outbox.task").fetchone()
    assert row
    assert row[0] == pytest.approx(seconds, abs=took + 0.01)


@pytest.mark.parametrize(
    "argument", [object(), {1, 2}, b"bytes", datetime.now(UTC), uuid.uuid4(), float("nan"), float("inf")]
)
def test_only_plain_json_is_taken(outbox: Outbox, argument: object) -> None:
    with pytest.raises(PayloadError, match=r"tests\.add must be plain JSON"):
        add.delay(argument, 4)
    assert outbox.tasks == []


def test_arguments_that_contain_themselves_are_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(PayloadError):
        add.delay(endless, 4)


@pytest.mark.parametrize("text", ["\0", "\ud800", "é" * 1000, '"\\\n'])
def test_any_text_arrives_as_it_was(outbox: Outbox, text: str) -> None:
    add.delay(text, [text, {text: None}])

    assert outbox.tasks[0].arguments == [text, [text, {text: None}]]


def test_too_much_is_refused_and_the_message_says_what_to_do(outbox: Outbox) -> None:
    room = MAX_BODY - len(json.dumps(add.new(("", 4)).body))
    add.delay("x" * room, 4)
    with pytest.raises(PayloadError, match=rf"take \d+ bytes, at most {MAX_BODY} .* hand over their id"):
        add.delay("x" * MAX_BODY, 4)
    assert len(outbox.tasks) == 1


@pytest.mark.parametrize("option", REFUSED)
def test_what_cannot_be_promised_is_refused_by_name(outbox: Outbox, option: str) -> None:
    with pytest.raises(NotDurableError, match=f"'{option}'"):
        add.apply_async((4, 4), **{option: VALUES[option]})
    assert outbox.tasks == []


@pytest.mark.parametrize("option", REFUSED)
def test_an_option_that_is_empty_asks_for_nothing(outbox: Outbox, option: str) -> None:
    add.apply_async((4, 4), **{option: None})

    assert len(outbox.tasks) == 1


def test_another_serializer_is_refused(outbox: Outbox) -> None:
    with pytest.raises(NotDurableError, match="'pickle'"):
        add.apply_async((4, 4), serializer="pickle")
    add.apply_async((4, 4), serializer="json")
    assert len(outbox.tasks) == 1


def test_headers_of_the_caller_are_handed_on(outbox: Outbox) -> None:
    add.apply_async((4, 4), headers={"tenant": "one", "task": "tests.other", "x-delivery-count": 3})

    [task] = outbox.tasks
    assert (task.headers["tenant"], task.headers["task"]) == ("one", "tests.add")
    assert "x-delivery-count" not in task.headers


def test_a_task_that_says_itself_that_it_expires_is_refused() -> None:
    with pytest.raises(NotDurableError, match="'expires'"):
        expiring.delay()


@pytest.mark.parametrize("priority", [-1, 256, "high"])
def test_a_priority_that_no_message_can_have_is_refused(outbox: Outbox, priority: Any) -> None:  # noqa: ANN401
    with pytest.raises(NotDurableError, match="priority"):
        add.apply_async((4, 4), priority=priority)
    assert outbox.tasks == []


def test_arguments_that_the_body_does_not_take_are_refused(outbox: Outbox) -> None:
    with pytest.raises(TypeError, match="missing"):
        add.delay(4)
    with pytest.raises(TypeError):
        enqueue_many(add, [((4, 4), {}), ((4,), {})])
    assert outbox.tasks == []


def test_a_signature_is_called_like_its_task(outbox: Outbox) -> None:
    result = add.s(4).clone((3,)).set(queue="slow").delay()

    [task] = outbox.tasks
    assert (task.id, task.arguments, task.queue) == (result.id, [3, 4], "slow")


def test_a_group_is_written_task_by_task(outbox: Outbox) -> None:
    result = group(add.s(1, 1), add.s(2, 2), note.s("x"))()

    assert [task.id for task in outbox.tasks] == [each.id for each in result.results]
    assert {task.headers["group"] for task in outbox.tasks} == {result.id}
    assert [task.headers["group_index"] for task in outbox.tasks] == [0, 1, 2]


def test_a_chain_is_refused(outbox: Outbox) -> None:
    with pytest.raises(NotDurableError, match="'chain'"):
        chain(add.s(1, 1), add.s(2))()
    assert outbox.tasks == []


def test_a_chord_is_refused(outbox: Outbox) -> None:
    with pytest.raises(NotDurableError, match="'chord'"):
        chord([add.s(1, 1), add.s(2, 2)], plain.s())()
    assert outbox.tasks == []


def test_a_callback_of_a_signature_is_refused(outbox: Outbox) -> None:
    signature = add.s(1, 1)
    signature.link(plain.s(1))
    with pytest.raises(NotDurableError, match="'link'"):
        signature.delay()
    assert outbox.tasks == []


def test_a_task_does_not_become_another_one() -> None:
    with pytest.raises(NotDurableError, match="replaced"):
        add.replace(plain.s(1))


def test_a_task_that_is_called_like_a_function_just_runs(outbox: Outbox) -> None:
    assert add(4, 4) == 8
    assert add.apply((4, 4)).get() == 8
    assert outbox.tasks == []


def test_tests_that_run_tasks_at_once_still_may(outbox: Outbox) -> None:
    app.conf.task_always_eager = True
    try:
        assert add.delay(4, 4).get() == 8
    finally:
        app.conf.task_always_eager = False
    assert outbox.tasks == []
