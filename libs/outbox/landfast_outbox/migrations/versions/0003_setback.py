"""Setbacks: how often a task could not run, and whether it may have taken effect outside."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
compatible_because = (
    "the new function has one result more, which the release before does not ask for; the block grants rights"
)

_CLAIM = """
    CREATE FUNCTION outbox.claim(task_id uuid, OUT granted boolean, OUT earlier text{column}) LANGUAGE plpgsql AS $$
    BEGIN
        SELECT completed_at IS NULL AND dead_at IS NULL AND due_at <= clock_timestamp(), result
        INTO granted, earlier FROM outbox.task WHERE id = task_id FOR UPDATE SKIP LOCKED;
        {statement}
    END $$
"""


def upgrade() -> None:
    # A table of its own: a column would want a lock on all tasks, and a run, which holds its task's row, must not keep
    # others from writing here. Without a foreign key for the same reason; the relay's purge tidies up.
    op.execute("""
        CREATE TABLE outbox.setback (
            task_id uuid PRIMARY KEY,
            times integer NOT NULL DEFAULT 0,
            uncertain_since timestamptz
        )
    """)
    op.execute("DROP FUNCTION outbox.claim(uuid)")
    op.execute(
        _CLAIM.format(
            column=", OUT uncertain boolean",
            statement="""
        uncertain := EXISTS (
            SELECT FROM outbox.setback WHERE setback.task_id = claim.task_id AND uncertain_since IS NOT NULL
        );""",
        )
    )
    op.execute("""
        DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'web') THEN
                GRANT SELECT, DELETE ON outbox.setback TO web;
            END IF;
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'worker') THEN
                GRANT SELECT, INSERT, UPDATE, DELETE ON outbox.setback TO worker;
            END IF;
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'relay') THEN
                GRANT SELECT, DELETE ON outbox.setback TO relay;
            END IF;
        END $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION outbox.claim(uuid)")
    op.execute(_CLAIM.format(column="", statement=""))
    op.execute("DROP TABLE outbox.setback")
