"""Setbacks: the number of times that a task could not run, and whether it may have taken effect outside."""

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
    # A separate table: a new column would need a lock on the whole table of tasks, and a run, which holds its task's
    # row, must not block writes here. It has no foreign key for the same reason; the relay's purge deletes these rows.
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
