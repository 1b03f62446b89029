"""Durable tasks in the console: the list of tasks, and the re-drive of dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from landfast_outbox.django.models import State, Task
from landfast_outbox.django.roles import OPERATOR
from landfast_outbox.store import census

from tests.conftest import enter

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User
    from django.test import Client
    from landfast_testing.outbox import Outbox

LIST = "/console/outbox/task/"

TRACEBACK = "Traceback (most recent call last):\n  File <b>x.py</b>\nValueError: no such boat"

#: The columns that are set only in rows of each state.
COLUMNS = {
    "pending": {},
    "in_flight": {"published_at": "now() - interval '1 minute'"},
    "done": {"published_at": "now()", "completed_at": "now()", "result": "'8'"},
    "dead": {"published_at": "now()", "dead_at": "now()", "retries": "3", "deaths": "2", "error": f"'{TRACEBACK}'"},
}


@pytest.fixture
def add(outbox: Outbox) -> Callable[..., UUID]:  # noqa: ARG001 - empties the table
    """Return a function that writes a task in some state and returns its id."""

    def write(state: str, name: str = "tasks.arithmetic.add", engine: str = "celery", **columns: str) -> UUID:
        values = COLUMNS[state] | columns
        identifier = uuid4()
        body = '[[4, "<i>"], {"z": 1}, {}]' if engine == "celery" else '{"args": [4, "<i>"], "kwargs": {"z": 1}}'
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                INSERT INTO outbox.task (id, name, engine, queue, headers, properties, body, ordered
                    {"".join(f", {column}" for column in values)})
                VALUES (%s, %s, %s, 'tasks', '{{"retries": 3}}', '{{}}', %s, false
                    {"".join(f", {value}" for value in values.values())})
                """,  # noqa: S608 - the test's own values
                (identifier, name, engine, body),
            )
        return identifier

    return write


def shown(client: Client, **query: str) -> set[UUID]:
    """Return the tasks on the list's first page."""
    response = client.get(LIST, query)
    assert response.status_code == 200
    return {task.pk for task in response.context["cl"].result_list}


def act(client: Client, action: str, *tasks: UUID, query: str = "", across: bool = False) -> str:
    """Choose an action for tasks, and return the messages of the next page."""
    data: dict[str, Any] = {"action": action, "_selected_action": [str(task) for task in tasks]}
    if across:
        data["select_across"] = "1"
    response = client.post(f"{LIST}{query}", data, follow=True)
    assert response.status_code == 200
    return " ".join(str(message) for message in response.context["messages"])


def state(task: UUID) -> State:
    return Task.objects.get(pk=task).state


@pytest.mark.usefixtures("operator")
def test_it_shows_the_tasks_of_each_state(client: Client, add: Callable[..., UUID]) -> None:
    tasks = {each: add(each) for each in COLUMNS}
    assert shown(client) == set(tasks.values())
    for each, task in tasks.items():
        assert shown(client, state=each) == {task}


@pytest.mark.usefixtures("operator")
def test_it_tells_how_many_there_are_in_each_state(client: Client, add: Callable[..., UUID]) -> None:
    add("pending", due_at="now() - interval '90 seconds'")
    for _ in range(3):
        add("dead")
    standing, _ = client.get(LIST).context["outboxes"]
    counts = standing.counts
    assert (counts.pending, counts.in_flight, counts.done, counts.dead) == (1, 0, 0, 3)
    assert 90 <= counts.oldest_pending < 900


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(("field", "value"), [("name", "tasks.mail.send"), ("engine", "dramatiq"), ("queue", "slow")])
def test_it_narrows_the_list_down(client: Client, add: Callable[..., UUID], field: str, value: str) -> None:
    add("dead")
    wanted = add("dead", **({"engine": "dramatiq"} if field == "engine" else {}))
    Task.objects.filter(pk=wanted).update(**{field: value})
    assert shown(client, state="dead", **{field: value}) == {wanted}
    assert value in client.get(LIST, {"state": "dead"}).content.decode()


@pytest.mark.usefixtures("operator")
def test_it_finds_tasks_by_id_name_and_error(client: Client, add: Callable[..., UUID]) -> None:
    done, dead = add("done", name="tasks.mail.send"), add("dead")
    assert shown(client, q=str(done), state="dead") == {done}
    assert shown(client, q="MAIL") == {done}
    assert shown(client, q="no such boat") == {dead}


@pytest.mark.usefixtures("operator")
def test_it_finds_a_task_by_the_short_id_that_the_list_shows(client: Client, add: Callable[..., UUID]) -> None:
    done, dead = add("done"), add("dead", error="'a facade of deadbeef'")

    assert shown(client, q=str(done)[:8], state="dead") == {done}
    assert shown(client, q=f" {str(done)[:13].upper()} ") == {done}
    assert shown(client, q="deadbeef") == {dead}, "no id begins so: it is a word of an error"
    assert shown(client, q=str(done)[:7]) == set(), "shorter than what the list shows"


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("engine", ["celery", "dramatiq"])
def test_it_shows_arguments_and_traceback_as_text(client: Client, add: Callable[..., UUID], engine: str) -> None:
    page = client.get(f"{LIST}{add('dead', engine=engine)}/change/").content.decode()
    assert "&quot;&lt;i&gt;&quot;" in page
    assert "&quot;z&quot;: 1" in page
    assert "File &lt;b&gt;x.py&lt;/b&gt;" in page
    assert "<textarea" not in page


@pytest.mark.usefixtures("operator")
def test_nobody_adds_changes_or_deletes_a_task(client: Client, add: Callable[..., UUID]) -> None:
    task = add("dead")
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{task}/change/", {"name": "other"}).status_code == 403
    assert client.post(f"{LIST}{task}/delete/", {"post": "yes"}).status_code == 403
    assert state(task) == State.DEAD


@pytest.mark.usefixtures("operator")
def test_it_redrives_the_selected_and_notes_who_did(client: Client, add: Callable[..., UUID]) -> None:
    first, second, done = add("dead"), add("dead"), add("done")
    assert act(client, "redrive", first, done, query="?state=dead") == "1 dead letter gets another chance."
    task = Task.objects.get(pk=first)
    assert (task.state, task.retries, task.deaths, task.headers["retries"]) == (State.PENDING, 0, 0, 0)
    assert (state(second), state(done)) == (State.DEAD, State.DONE)
    assert LogEntry.objects.get().object_id == str(first)


@pytest.mark.usefixtures("operator")
def test_a_line_of_the_list_has_the_beginning_of_an_id_and_tells_the_rest(
    client: Client, add: Callable[..., UUID]
) -> None:
    task = str(add("dead"))
    page = client.get(LIST).content.decode()
    assert f'<span title="{task}">{task[:8]}</span>' in page
    assert f"/console/outbox/task/{task}/change/" in page


@pytest.mark.usefixtures("operator")
def test_it_redrives_all_that_the_filter_shows_and_no_other(client: Client, add: Callable[..., UUID]) -> None:
    wanted = [add("dead", name="tasks.mail.send") for _ in range(60)]
    other = add("dead")
    query = "?state=dead&name=tasks.mail.send"
    assert act(client, "redrive", wanted[0], query=query, across=True) == "60 dead letters get another chance."
    assert {state(task) for task in wanted} == {State.PENDING}
    assert state(other) == State.DEAD


@pytest.mark.usefixtures("operator")
def test_it_gives_up_what_waits_and_says_who_did(client: Client, add: Callable[..., UUID]) -> None:
    waiting, done = add("pending"), add("done")
    assert act(client, "discard", waiting, done, query="?state=pending&q=") == "1 task was given up."
    assert (state(waiting), state(done)) == (State.DEAD, State.DONE)
    assert Task.objects.get(pk=waiting).error == "it was given up in the admin by olga"


def test_it_is_for_staff_with_rights_alone(
    client: Client, make_user: Callable[..., User], add: Callable[..., UUID]
) -> None:
    task = add("dead")
    enter(client, make_user("sam", is_staff=True))
    assert client.get(LIST).status_code == 403
    client.post(LIST, {"action": "redrive", "_selected_action": [str(task)]})
    assert state(task) == State.DEAD


@pytest.mark.django_db
def test_it_lets_those_who_may_only_look_do_nothing_else(
    client: Client, operator: User, add: Callable[..., UUID]
) -> None:
    group = Group.objects.get(name=OPERATOR)
    group.permissions.set(group.permissions.filter(codename="view_task"))
    task = add("dead")
    act(client, "redrive", task)
    assert operator.pk is not None
    assert state(task) == State.DEAD


@pytest.mark.usefixtures("operator")
def test_it_counts_no_more_than_it_must(client: Client, add: Callable[..., UUID]) -> None:
    add("done")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(LIST, {"state": "done"})
    counting = [query["sql"] for query in queries if "count(" in query["sql"].lower() and "outbox" in query["sql"]]
    assert counting
    assert all("LIMIT" in query for query in counting)


@pytest.mark.django_db
def test_it_estimates_what_it_does_not_count(add: Callable[..., UUID]) -> None:
    for _ in range(5):
        add("dead")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE outbox.stored_task")
    assert census.counts(connection.connection, exact=2).dead == 5
