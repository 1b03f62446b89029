"""The database's report on its disk: the PostgreSQL image's function, over the file that its health check writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from landfast_runtime import health

if TYPE_CHECKING:
    from collections.abc import Iterator

    from landfast_runtime.connections import Postgres
    from psycopg import Connection

ROLES = Path(__file__).parents[3] / "images/postgres/roles.sql"


@pytest.fixture
def note(connection: Connection[Any], tmp_path: Path) -> Iterator[Path]:
    """Create the function as the image does, over a file of this test's own, and yield that file."""
    found = re.search(r"\$make\$(.*?)\$make\$", ROLES.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    note = tmp_path / "disk"
    connection.execute(found.group(1).replace("/tmp/disk", str(note)))  # noqa: S108 - a path in the container
    yield note
    connection.execute("DROP FUNCTION public.landfast_disk()")


def test_it_tells_the_room_on_the_disk(postgres: Postgres, note: Path) -> None:
    note.write_text("  21474836480 107374182400\n")

    assert health.postgres(postgres)() == {"disk_free_mb": 20480, "disk_size_mb": 102400}


def test_it_is_not_ready_when_the_disk_is_full_though_queries_are_answered(postgres: Postgres, note: Path) -> None:
    note.write_text("0 107374182400\n")

    with pytest.raises(health.Unavailable, match="its disk is full: 0 MB of 102400 MB are free"):
        health.postgres(postgres)()


@pytest.mark.parametrize("text", ["", "df: cannot read\n"])
def test_it_is_ready_while_nobody_has_looked_at_the_disk(postgres: Postgres, note: Path, text: str) -> None:
    note.write_text(text)
    assert health.postgres(postgres)() is None
    note.unlink()
    assert health.postgres(postgres)() is None


def test_a_role_without_rights_may_ask_for_the_disk_and_for_no_other_file(
    connection: Connection[Any], note: Path
) -> None:
    note.write_text("1 2\n")
    connection.execute("CREATE ROLE stranger")
    try:
        connection.execute("SET ROLE stranger")
        assert connection.execute("SELECT free, size FROM public.landfast_disk()").fetchone() == (1, 2)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT pg_read_file('/etc/hostname')")
    finally:
        connection.execute("RESET ROLE")
        connection.execute("DROP ROLE stranger")


def test_a_server_of_somebody_elses_is_asked_for_life_alone(postgres: Postgres) -> None:
    assert health.postgres(postgres)() is None
