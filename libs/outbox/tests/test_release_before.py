"""The release before works on after revision 0004, by its own statements, and its rows survive."""

from __future__ import annotations

import uuid

from landfast_outbox import store
from landfast_outbox.rights import Roles, follow

from tests.roles import migrate, schema_of
from tests.test_access import session

ROLES = Roles(
    {"writers": ["web"], "workers": ["web"], "relays": ["relay"]},
    {"web": {"run": ["web"], "write": ["web"]}, "relay": {"run": ["*"]}},
)
INSERT = b"""
    INSERT INTO outbox.task (id, name, engine, queue, headers, properties, body, ordered)
    VALUES (%s, 'a', 'celery', 'web', '{}', '{}', '[]', false)
"""
COPY = b"COPY outbox.task (id, name, engine, queue, headers, properties, body, ordered) FROM STDIN"
COUNT_DEATH = b"""
    WITH opened AS MATERIALIZED (
        SELECT id FROM outbox.task WHERE id = %s AND completed_at IS NULL AND dead_at IS NULL
            AND xmax <> 0 AND xmax <> xmin
        FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox.task SET deaths = deaths + 1 FROM opened WHERE task.id = opened.id RETURNING deaths
"""
TAKE = b"""
    WITH due AS MATERIALIZED (
        SELECT id FROM outbox.task WHERE published_at IS NULL AND completed_at IS NULL AND dead_at IS NULL
        ORDER BY due_at, sequence FOR UPDATE SKIP LOCKED
    )
    UPDATE outbox.task SET published_at = clock_timestamp(), publications = publications + 1
    FROM due WHERE task.id = due.id RETURNING task.id
"""


def test_it_writes_publishes_and_completes_tasks_and_rows_in_flight_survive() -> None:
    with schema_of("web", "relay") as owner:
        migrate("0003")
        owner.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON outbox.setback TO web")
        owner.execute("GRANT UPDATE ON outbox.task TO web")
        with session(owner, "web") as web, session(owner, "relay") as relay:
            in_flight = uuid.uuid4()
            web.execute(INSERT, (in_flight,))
            assert relay.execute(TAKE).fetchall() == [(in_flight,)]
            migrate()
            for follows in (False, True):  # the service does both, one after the other
                if follows:
                    follow(owner, ROLES)
                one, copied = uuid.uuid4(), uuid.uuid4()
                web.execute(INSERT, (one,))
                with web.cursor() as cursor, cursor.copy(COPY) as copy:
                    copy.write_row((str(copied), "a", "celery", "web", "{}", "{}", "[]", False))
                assert set(relay.execute(TAKE).fetchall()) == {(one,), (copied,)}
                for identifier in (one, copied, *[in_flight] * follows):
                    with web.transaction():
                        assert store.claim(web, identifier).granted
                    assert web.execute(COUNT_DEATH, (identifier,)).fetchone() == (1,)
                    with web.transaction():
                        assert store.claim(web, identifier).granted
                        assert store.complete(web, identifier)
        left = owner.execute("SELECT count(*) FROM outbox.stored_task WHERE completed_at IS NULL").fetchone()
        assert left == (0,)
