"""Durable tasks in applications' own databases: the console shows them as it shows those of its own database."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import DEFAULT_DB_ALIAS, connections
from django.db import connection as shared
from landfast_outbox import rights, store
from landfast_outbox.databases import connect
from landfast_outbox.django import aliases
from landfast_outbox.task import NewTask
from landfast_runtime.connections import Postgres
from landfast_testing.postgres import server
from landfast_testing.waiting import wait_until

from tests.conftest import SHOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.auth.models import User
    from django.test import Client
    from landfast_testing.outbox import Outbox
    from psycopg import Connection

LIST = "/console/outbox/task/"
OWN = {"database": SHOP}

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture
def shop(outbox: Outbox) -> Iterator[Connection[Any]]:  # noqa: ARG001 - empties the tables
    """A connection to the database of the application."""
    running = server()
    with connect(Postgres(running.host, running.port, SHOP, running.user, ""), "test") as own:
        yield own


def bury(connection: Connection[Any], body: str = "[[4], {}, {}]", identifier: UUID | None = None) -> UUID:
    """Make a dead letter, and return its id."""
    task = NewTask(id=identifier or uuid4(), name="shop.send", queue="letters", body=body)
    with connection.cursor() as cursor:
        store.insert(cursor, [task])
    store.bury(connection, task.id, "ValueError: no such boat")
    return task.id


def dead(connection: Connection[Any]) -> set[UUID]:
    return set(store.find_dead(connection, {}, limit=100))


def shown(client: Client, **query: str) -> set[UUID]:
    """Return the tasks on the list's first page."""
    response = client.get(LIST, query)
    assert response.status_code == 200
    return {task.pk for task in response.context["cl"].result_list}


def act(client: Client, action: str, task: UUID, address: str = f"{LIST}?database={SHOP}", prefix: str = "") -> str:
    """Choose an action for a task, and return the messages of the next page."""
    data = {f"{prefix}action": action, "_selected_action": str(task)}
    response = client.post(address, data, follow=True)
    assert response.status_code == 200
    return " ".join(map(str, response.context["messages"]))


def test_it_counts_and_lists_the_tasks_of_each_database(client: Client, shop: Connection[Any]) -> None:
    own, other = bury(shop), bury(shared.connection)
    bury(shop)

    page = client.get(LIST, OWN | {"state": "dead"})

    first, second = page.context["outboxes"]
    assert (first.database, first.counts.dead) == (shared.settings_dict["NAME"], 1)
    assert (second.database, second.counts.dead) == (SHOP, 2)
    assert own in {task.pk for task in page.context["cl"].result_list}
    assert shown(client) == {other}
    assert f'href="?database={SHOP}&amp;state=dead"><b>2</b>' in page.content.decode()
    (address,) = set(re.findall(rf'href="({LIST}{own}/change/[^"]*)"', page.content.decode()))
    assert f"database={SHOP}" in unescape(address).partition("?")[2].split("&")


def test_it_redrives_dead_letters_of_the_chosen_database_alone(client: Client, shop: Connection[Any]) -> None:
    task = bury(shop)
    bury(shared.connection, identifier=task)

    assert act(client, "redrive", task, f"{LIST}?database={SHOP}&state=dead") == "1 dead letter gets another chance."
    assert (dead(shop), dead(shared.connection)) == (set(), {task})
    assert LogEntry.objects.get().object_id == str(task)


def test_it_needs_no_other_rights_there_than_those_of_operators(
    client: Client, shop: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.execute("DROP ROLE IF EXISTS looks_after_tasks")
    shop.execute("CREATE ROLE looks_after_tasks LOGIN")
    everything = {"looks_after_tasks": {"run": ["*"]}}
    rights.follow(shop, rights.Roles({"operators": ["looks_after_tasks"]}, everything))
    monkeypatch.setitem(connections[DEFAULT_DB_ALIAS].settings_dict, "USER", "looks_after_tasks")
    task = bury(shop)

    assert "1 dead letter" in act(client, "redrive", task)
    assert "1 task was given up" in act(client, "discard", task)
    assert client.get(f"{LIST}{task}/change/", OWN).status_code == 200
    assert (shown(client, **OWN), dead(shop)) == ({task}, {task})
    rights.follow(shop, rights.Roles())
    assert "permission denied for" in act(client, "redrive", task)


def test_a_page_of_a_task_names_its_database_and_redrives_it(client: Client, shop: Connection[Any]) -> None:
    task = bury(shop)
    address = f"{LIST}{task}/change/?database={SHOP}"

    assert f'<div class="readonly">{SHOP}</div>' in client.get(address).content.decode()
    assert "1 dead letter" in act(client, "redrive", task, address, prefix="CHANGE_FORM-")
    assert dead(shop) == set()
    assert "re-driven" in client.get(f"{LIST}{task}/history/", follow=True).content.decode()


@pytest.mark.parametrize("address", ["?q={}", "?q={:.8}", "{}/change/", "?database=test_landfast&q={}"])
def test_it_finds_an_id_in_whichever_database_it_is(client: Client, shop: Connection[Any], address: str) -> None:
    task = bury(shop)
    address = address.format(str(task))

    page = client.get(LIST + address, follow=True)

    assert page.request["QUERY_STRING"].count(f"database={SHOP}") == 1
    assert str(task) in page.content.decode()
    assert client.get(f"{LIST}?q={uuid4()}").status_code == 200
    # An action is sent on as it is.
    answer = client.post(LIST + address, {"action": "redrive", "_selected_action": str(task)})
    assert (answer.status_code, f"database={SHOP}" in answer["Location"]) == (307, True)


def test_a_database_that_is_away_leaves_the_others_alone(
    client: Client, shop: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "OUTBOX_DATABASES", lambda: ["gone", SHOP])
    task = bury(shop)

    page = client.get(LIST, {"database": "gone"}, follow=True)

    (message,) = page.context["messages"]
    assert str(message).startswith("The database gone cannot be used: ")
    assert str(message).endswith('database "gone" does not exist')
    assert "It cannot be used: connection failed" in page.content.decode()
    assert page.redirect_chain == [(LIST, 302)]
    assert client.get(f"{LIST}{task}/change/", {"database": "gone"})["Location"] == LIST
    assert shown(client, **OWN) == {task}
    assert client.get(f"{LIST}?q={task}")["Location"] == f"{LIST}?q={task}&database={SHOP}"


def test_a_database_whose_tables_are_locked_delays_nobody_for_long(
    client: Client, shop: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "lock_timeout=2s" in aliases.OPTIONS
    monkeypatch.setattr(aliases, "OPTIONS", aliases.OPTIONS.replace("2s", "20ms"))
    task = bury(shop)

    with shop.transaction():
        shop.execute("LOCK TABLE outbox.task IN ROW EXCLUSIVE MODE")
        shop.execute("SELECT FROM outbox.task FOR UPDATE")
        said = act(client, "redrive", task)
        assert said.startswith("The database shop cannot be used: canceling statement due to lock timeout")

        shop.execute("LOCK TABLE outbox.task IN ACCESS EXCLUSIVE MODE")
        _, standing = client.get(LIST).context["outboxes"]
        assert (standing.counts, standing.problem) == (None, "canceling statement due to lock timeout")
    assert dead(shop) == {task}


@pytest.mark.parametrize("name", ["postgres", "shp"])
@pytest.mark.parametrize("address", [LIST, f"{LIST}{uuid4()}/change/"])
def test_it_enters_no_database_that_no_contract_names(client: Client, outbox: Outbox, address: str, name: str) -> None:
    assert not outbox.tasks
    page = client.get(address, {"database": name}, follow=True)

    assert page.redirect_chain == [(LIST, 302)]
    assert [str(each) for each in page.context["messages"]] == [
        f"No contract names a database {name} with durable tasks."
    ]


def test_it_learns_of_another_database_while_it_runs(
    client: Client, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    monkeypatch.setattr(settings, "OUTBOX_DATABASES", lambda: names)
    assert not outbox.tasks

    page = client.get(LIST)
    assert [each.database for each in page.context["outboxes"]] == [shared.settings_dict["NAME"]]
    assert "database" not in [each.parameter_name for each in page.context["cl"].filter_specs]

    names.append(SHOP)
    page = client.get(LIST)
    assert [each.database for each in page.context["outboxes"]] == [shared.settings_dict["NAME"], SHOP]
    assert page.context["cl"].filter_specs[0].parameter_name == "database"


def test_it_follows_no_owner_and_keeps_no_connection_of_an_application_s_database(
    client: Client, shop: Connection[Any]
) -> None:
    with connections[aliases.alias_of(SHOP)].cursor() as cursor:
        cursor.execute("SHOW search_path")
        assert cursor.fetchone() == ("pg_catalog,pg_temp",)

    client.get(LIST, OWN)

    others = """
        SELECT query FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    """
    # A server's process ends some time after its connection.
    wait_until(lambda: not shop.execute(others).fetchall(), "no other connection")


@pytest.mark.parametrize("body", ['["hello"]', '{"say": "hello"}', "hello"])
def test_a_message_of_a_form_of_its_own_is_shown_as_it_is(client: Client, shop: Connection[Any], body: str) -> None:
    page = client.get(f"{LIST}{bury(shop, body)}/change/", OWN)

    assert page.status_code == 200
    assert "hello" in page.content.decode()


def test_operators_without_the_right_see_no_database(client: Client, outbox: Outbox, operator: User) -> None:
    operator.groups.clear()

    assert not outbox.tasks
    assert client.get(LIST, OWN).status_code == 403
    assert client.get(LIST, {"database": "shp"}).status_code == 403
