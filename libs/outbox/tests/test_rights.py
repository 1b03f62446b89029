"""Rights follow the contracts: each role gets exactly the rights of its part, whatever it had before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from landfast_outbox.rights import FILE, Roles, differences, follow, roles_from_env, wanted
from landfast_outbox.store.rights import Access, Right, held
from landfast_runtime.env import ConfigError, Env

from tests.roles import FORMER, OTHERS, ROLES, migrate, roles, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psycopg import Connection


@pytest.fixture
def old() -> Iterator[Connection[Any]]:
    """A database whose migrations found the roles in them."""
    with schema_of(*FORMER, *OTHERS) as connection:
        migrate()
        yield connection


@pytest.mark.parametrize(
    ("there", "before"),
    [((*FORMER, *OTHERS), {*FORMER}), (("shop", "clerk", "relay"), {"relay"})],
    ids=["former", "none"],
)
def test_rights_are_the_same_in_the_end_whichever_roles_the_migrations_found(
    there: tuple[str, ...], before: set[str]
) -> None:
    due = roles(writers=["shop"], operators=["clerk"], relays=["relay"])
    with schema_of(*there) as connection:
        migrate()
        assert {right.role for right in held(connection)} == {*before, "PUBLIC"}

        follow(connection, due)

        assert held(connection) == wanted(due)


def test_a_second_run_changes_nothing(old: Connection[Any]) -> None:
    assert follow(old, ROLES)
    assert follow(old, ROLES) == []


def test_a_role_that_only_looks_after_tasks_any_more_keeps_what_it_needs_for_that(old: Connection[Any]) -> None:
    """PostgreSQL revokes a column's right along with the table's."""
    follow(old, roles(workers=["shop"], operators=["shop"]))

    [changed] = follow(old, roles(operators=["shop"]))

    assert changed.startswith("rights of shop: loses ")
    assert "UPDATE of result on outbox.task" in changed
    assert "UPDATE of error" not in changed
    assert held(old) == wanted(roles(operators=["shop"]))


def test_what_was_granted_by_hand_is_taken_back(old: Connection[Any]) -> None:
    follow(old, ROLES)
    old.execute("GRANT USAGE ON SCHEMA outbox TO PUBLIC")
    old.execute("GRANT SELECT (error) ON outbox.task TO stranger")

    assert follow(old, ROLES) == [
        "rights of PUBLIC: loses USAGE on outbox",
        "rights of stranger: loses SELECT of error on outbox.task",
    ]
    assert held(old) == wanted(ROLES)


def test_it_names_a_role_that_there_is_not_and_changes_nothing(old: Connection[Any]) -> None:
    before = held(old)

    with pytest.raises(ValueError, match="there is no role nobody, which a contract names") as refused:
        follow(old, roles(writers=["shop", "nobody"]))

    assert "--force-recreate postgres" in str(refused.value)
    assert held(old) == before


def test_it_tells_what_it_would_change(old: Connection[Any]) -> None:
    follow(old, roles(writers=["shop"]))
    before = held(old)

    told = (
        "INSERT on outbox.stored_task, INSERT on outbox.task, SELECT on outbox.access, SELECT on outbox.stored_task, "
        "SELECT on outbox.task, USAGE on outbox, RUN tasks of all queues, WRITE tasks of all queues"
    )
    assert differences(old, roles(writers=["clerk"])) == [
        f"rights of clerk: gets {told}",
        f"rights of shop: loses {told}",
    ]
    assert held(old) == before


def test_without_tables_all_rights_are_due() -> None:
    with schema_of("shop") as empty:
        assert held(empty) == set()
        assert len(differences(empty, roles(writers=["shop"]))) == 1


def test_a_role_that_has_two_parts_has_the_rights_of_both() -> None:
    parts = {"writers": ["shop"], "operators": ["shop"]}
    both = wanted(Roles(parts))

    assert both == wanted(Roles({"writers": ["shop"]})) | wanted(Roles({"operators": ["shop"]}))
    assert Right("shop", "USAGE") in both


def test_a_role_s_queues_follow_the_contracts(old: Connection[Any]) -> None:
    changes = (("gets", "queue parcels"), ("loses", "queue letters"))
    follow(old, roles("letters", writers=["shop"]))

    assert follow(old, roles("parcels", writers=["shop"])) == [
        "rights of shop: "
        + "; ".join(f"{verb} RUN tasks of {queue}, WRITE tasks of {queue}" for verb, queue in changes)
    ]
    assert {right for right in held(old) if isinstance(right, Access)} == {
        Access("shop", "run", "parcels"),
        Access("shop", "write", "parcels"),
    }


def test_it_reads_who_does_what(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(
        '{"": {"parts": {"writers": ["web"], "relays": []}, "queues": {"web": {"write": ["web"]}}}, "shop": {}}'
    )

    assert roles_from_env(Env({"SECRETS_DIR": str(tmp_path)})) == {
        "": Roles({"writers": ["web"], "relays": []}, {"web": {"write": ["web"]}}),
        "shop": Roles(),
    }


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"": []}',
        '{"shop": {"writers": []}}',
        '{"shop": {"queues": {"shop": []}}}',
        '{"shop": {"queues": {"shop": {"read": []}}}}',
        *(f'{{"shop": {{"parts": {{{says}}}}}}}' for says in ('"writer": []', '"writers": "a"', '"writers": [5]')),
    ],
)
def test_a_file_of_another_shape_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)

    with pytest.raises(
        ConfigError, match=r"durable_tasks\.json: must be JSON: by databases, `parts` with lists of roles by writers"
    ):
        roles_from_env(Env({"SECRETS_DIR": str(tmp_path)}))
