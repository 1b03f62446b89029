"""Rights follow the contracts: each role gets exactly the rights of its part, whatever it had before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from landfast_outbox.rights import FILE, differences, follow, parts_from_env, wanted
from landfast_outbox.store.rights import Right, held
from landfast_runtime.env import ConfigError, Env

from tests.roles import FORMER, OTHERS, PARTS, migrate, schema_of

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
    ("roles", "before"),
    [((*FORMER, *OTHERS), {*FORMER}), (("shop", "clerk", "relay"), {"relay"})],
    ids=["former", "none"],
)
def test_rights_are_the_same_in_the_end_whichever_roles_the_migrations_found(
    roles: tuple[str, ...], before: set[str]
) -> None:
    parts = {"writers": ["shop"], "operators": ["clerk"], "relays": ["relay"]}
    with schema_of(*roles) as connection:
        migrate()
        assert {right.role for right in held(connection)} == before

        follow(connection, parts)

        assert held(connection) == wanted(parts)


def test_a_second_run_changes_nothing(old: Connection[Any]) -> None:
    assert follow(old, PARTS)
    assert follow(old, PARTS) == []


def test_a_role_that_only_looks_after_tasks_any_more_keeps_what_it_needs_for_that(old: Connection[Any]) -> None:
    """PostgreSQL revokes a column's right along with the table's."""
    follow(old, {"workers": ["shop"], "operators": ["shop"]})

    [changed] = follow(old, {"operators": ["shop"]})

    assert changed.startswith("rights of shop: loses ")
    assert changed.endswith(", UPDATE on outbox.task")
    assert held(old) == wanted({"operators": ["shop"]})


def test_what_was_granted_by_hand_is_taken_back(old: Connection[Any]) -> None:
    follow(old, PARTS)
    old.execute("GRANT USAGE ON SCHEMA outbox TO PUBLIC")
    old.execute("GRANT SELECT (error) ON outbox.task TO stranger")

    assert follow(old, PARTS) == [
        "rights of PUBLIC: loses USAGE on outbox",
        "rights of stranger: loses SELECT of error on outbox.task",
    ]
    assert held(old) == wanted(PARTS)


def test_it_names_a_role_that_there_is_not_and_changes_nothing(old: Connection[Any]) -> None:
    before = held(old)

    with pytest.raises(ValueError, match="there is no role nobody, which a contract names") as refused:
        follow(old, {"writers": ["shop", "nobody"]})

    assert "--force-recreate postgres" in str(refused.value)
    assert held(old) == before


def test_it_tells_what_it_would_change(old: Connection[Any]) -> None:
    follow(old, {"writers": ["shop"]})
    before = held(old)

    assert differences(old, {"writers": ["clerk"]}) == [
        "rights of clerk: gets INSERT on outbox.task, SELECT on outbox.task, USAGE on outbox",
        "rights of shop: loses INSERT on outbox.task, SELECT on outbox.task, USAGE on outbox",
    ]
    assert held(old) == before


def test_without_tables_all_rights_are_due() -> None:
    with schema_of("shop") as empty:
        assert held(empty) == set()
        assert len(differences(empty, {"writers": ["shop"]})) == 1


def test_a_role_that_has_two_parts_has_the_rights_of_both() -> None:
    both = wanted({"writers": ["shop"], "operators": ["shop"]})

    assert both == wanted({"writers": ["shop"]}) | wanted({"operators": ["shop"]})
    assert Right("shop", "USAGE") in both


def test_it_reads_who_does_what(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"": {"writers": ["web"], "relays": []}, "shop": {"writers": ["shop"]}}')

    assert parts_from_env(Env({"SECRETS_DIR": str(tmp_path)})) == {
        "": {"writers": ["web"], "relays": []},
        "shop": {"writers": ["shop"]},
    }


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"": []}',
        *(f'{{"shop": {{{says}}}}}' for says in ('"writer": []', '"writers": "a"', '"writers": [5]')),
    ],
)
def test_a_file_of_another_shape_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)

    with pytest.raises(
        ConfigError, match=r"durable_tasks\.json: must be JSON: by databases, lists of roles by writers"
    ):
        parts_from_env(Env({"SECRETS_DIR": str(tmp_path)}))
