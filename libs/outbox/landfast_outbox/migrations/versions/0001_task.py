"""The table of tasks, its indexes, and the rights on it."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Each row is updated twice and deleted: free space on each page and an early vacuum keep table and indexes small.
    op.execute("""
        CREATE TABLE outbox.task (
            id uuid PRIMARY KEY,
            sequence bigint GENERATED ALWAYS AS IDENTITY,
            name text NOT NULL,
            engine text NOT NULL,
            queue text NOT NULL,
            headers jsonb NOT NULL,
            properties jsonb NOT NULL,
            body text NOT NULL,
            ordered boolean NOT NULL,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            published_at timestamptz,
            publications integer NOT NULL DEFAULT 0,
            retries integer NOT NULL DEFAULT 0,
            deaths integer NOT NULL DEFAULT 0,
            completed_at timestamptz,
            dead_at timestamptz,
            result text,
            error text
        ) WITH (
            fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05,
            autovacuum_vacuum_cost_delay = 0
        )
    """)
    op.execute("""
        CREATE INDEX task_pending ON outbox.task (due_at, sequence)
        WHERE published_at IS NULL AND completed_at IS NULL AND dead_at IS NULL
    """)
    op.execute("""
        CREATE INDEX task_ordered ON outbox.task (queue)
        WHERE ordered AND published_at IS NULL AND completed_at IS NULL AND dead_at IS NULL
    """)
    op.execute("""
        CREATE INDEX task_in_flight ON outbox.task (published_at)
        WHERE published_at IS NOT NULL AND completed_at IS NULL AND dead_at IS NULL
    """)
    op.execute("CREATE INDEX task_completed ON outbox.task (completed_at) WHERE completed_at IS NOT NULL")
    op.execute("CREATE INDEX task_dead ON outbox.task (dead_at) WHERE dead_at IS NOT NULL")
    op.execute("""
        CREATE FUNCTION outbox.wake_relay() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_notify('outbox', ''); RETURN NULL; END $$
    """)
    op.execute("""
        CREATE TRIGGER task_written AFTER INSERT ON outbox.task
        FOR EACH STATEMENT EXECUTE FUNCTION outbox.wake_relay()
    """)
    # Callers insert tasks. Workers and relays update them. The site's admin reads them, re-drives dead letters and
    # gives tasks up.
    op.execute("""
        DO $$
        DECLARE
            grantee name;
        BEGIN
            FOR grantee IN SELECT rolname FROM pg_roles WHERE rolname IN ('web', 'api', 'worker', 'relay') LOOP
                EXECUTE format('GRANT USAGE ON SCHEMA outbox TO %I', grantee);
                EXECUTE format('GRANT SELECT, INSERT ON outbox.task TO %I', grantee);
            END LOOP;
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'web') THEN
                GRANT UPDATE (dead_at, published_at, due_at, deaths, retries, publications, headers, body, error)
                    ON outbox.task TO web;
            END IF;
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'worker') THEN
                GRANT UPDATE ON outbox.task TO worker;
            END IF;
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'relay') THEN
                GRANT UPDATE, DELETE ON outbox.task TO relay;
            END IF;
        END $$
    """)


def downgrade() -> None:
    op.execute("DROP TABLE outbox.task")
    op.execute("DROP FUNCTION outbox.wake_relay()")
