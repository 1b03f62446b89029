"""Every run's statements as functions: PostgreSQL keeps their plans, and BEGIN or COMMIT share their round trip."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The calling role needs the right to change tasks.
    op.execute("""
        CREATE FUNCTION outbox.claim(task_id uuid, OUT granted boolean, OUT earlier text) LANGUAGE plpgsql AS $$
        BEGIN
            SELECT completed_at IS NULL AND dead_at IS NULL AND due_at <= clock_timestamp(), result
            INTO granted, earlier FROM outbox.task WHERE id = task_id FOR UPDATE SKIP LOCKED;
        END $$
    """)
    op.execute("""
        CREATE FUNCTION outbox.complete(task_id uuid, returned text) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE outbox.task SET completed_at = clock_timestamp(), result = returned, error = NULL
            WHERE id = task_id AND completed_at IS NULL AND dead_at IS NULL;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'task % is over already', task_id USING ERRCODE = 'LF001';
            END IF;
        END $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION outbox.complete(uuid, text)")
    op.execute("DROP FUNCTION outbox.claim(uuid)")
