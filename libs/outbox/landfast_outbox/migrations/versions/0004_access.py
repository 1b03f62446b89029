"""Rows of applications apart: row-level security by the queues that contracts give to each role."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
compatible_because = (
    "the table's former name is a view of the same columns, with the same rights; the release before reads and writes "
    "through it. The next release drops the view"
)

#: The columns of the release before, and those of the system that its statements read.
_COLUMNS = (
    "id, sequence, name, engine, queue, headers, properties, body, ordered, created_at, due_at, published_at, "
    "publications, retries, deaths, completed_at, dead_at, result, error"
)


def _may(verb: str) -> str:
    """Return the condition that the current role may ``run`` or ``write`` a row's task.

    The sub-query does not depend on the row: PostgreSQL runs it once for a statement. It is NULL for all queues. The
    condition is no function: its body would follow the search path of the role that it is to hold back.
    """
    return f"""COALESCE(stored_task.queue = ANY ((
        SELECT CASE WHEN '*' = ANY (array_agg(access.queue)) THEN NULL
            ELSE COALESCE(array_agg(access.queue), '{{}}') END
        FROM outbox.access WHERE access.role IN (current_user, 'PUBLIC') AND access.may = '{verb}'
    )::text[]), true)"""  # noqa: S608 - constants


def upgrade() -> None:
    # Not with policies for each role: a new policy would need a lock on the whole table, which waits for running tasks.
    op.execute("""
        CREATE TABLE outbox.access (
            role name, may text CHECK (may IN ('run', 'write')), queue text, PRIMARY KEY (role, may, queue)
        )
    """)
    # Until the same run of the service follows the contracts, everybody may what they might before.
    op.execute("INSERT INTO outbox.access VALUES ('PUBLIC', 'run', '*'), ('PUBLIC', 'write', '*')")
    op.execute("GRANT SELECT ON outbox.access TO PUBLIC")
    op.execute("ALTER TABLE outbox.task RENAME TO stored_task")
    # Rows from before have no writer.
    op.execute("ALTER TABLE outbox.stored_task ADD COLUMN writer name")
    op.execute("ALTER TABLE outbox.stored_task ALTER COLUMN writer SET DEFAULT current_user")
    op.execute(f"""
        CREATE VIEW outbox.task WITH (security_invoker = true) AS
        SELECT {_COLUMNS}, xmin, xmax FROM outbox.stored_task
    """)  # noqa: S608 - a constant
    # COPY into a table with row-level security is refused, COPY into a view with this trigger is not.
    op.execute("""
        CREATE FUNCTION outbox.store_task() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO outbox.stored_task (
                id, name, engine, queue, headers, properties, body, ordered, created_at, due_at, published_at,
                publications, retries, deaths, completed_at, dead_at, result, error
            ) VALUES (
                new.id, new.name, new.engine, new.queue, new.headers, new.properties, new.body, new.ordered,
                COALESCE(new.created_at, clock_timestamp()), COALESCE(new.due_at, clock_timestamp()), new.published_at,
                COALESCE(new.publications, 0), COALESCE(new.retries, 0), COALESCE(new.deaths, 0), new.completed_at,
                new.dead_at, new.result, new.error
            );
            RETURN new;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER store_task INSTEAD OF INSERT ON outbox.task
        FOR EACH ROW EXECUTE FUNCTION outbox.store_task()
    """)
    op.execute("""
        DO $$
        DECLARE
            held record;
        BEGIN
            FOR held IN
                SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS role,
                    privilege_type || COALESCE(' (' || quote_ident(field) || ')', '') AS privilege
                FROM (
                    SELECT relowner AS owner, relacl AS acl, NULL::name AS field FROM pg_class
                    WHERE oid = 'outbox.stored_task'::regclass
                    UNION ALL
                    SELECT NULL, attacl, attname FROM pg_attribute WHERE attrelid = 'outbox.stored_task'::regclass
                ) AS objects, aclexplode(acl)
                WHERE grantee IS DISTINCT FROM owner
            LOOP
                EXECUTE format('GRANT %s ON outbox.task TO %s', held.privilege, held.role);
            END LOOP;
        END $$
    """)
    op.execute("""
        CREATE FUNCTION outbox.refuse(queue text) RETURNS boolean LANGUAGE plpgsql
        SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            RAISE insufficient_privilege USING
                MESSAGE = format('role %s may not write tasks for queue %s', current_user, queue),
                HINT = 'Name the queue in durable_tasks.queues of its application''s contract, or, if another '
                    'application consumes it, in durable_tasks.sends.';
        END $$
    """)
    for statement in (
        f"""
        CREATE POLICY seen ON outbox.stored_task FOR SELECT
        USING ({_may("run")} OR writer = current_user OR (writer IS NULL AND {_may("write")}))
        """,
        f"""
        CREATE POLICY written ON outbox.stored_task FOR INSERT
        WITH CHECK (writer = current_user AND ({_may("write")} OR outbox.refuse(queue)))
        """,
        f"CREATE POLICY changed ON outbox.stored_task FOR UPDATE USING ({_may('run')})",
        f"CREATE POLICY deleted ON outbox.stored_task FOR DELETE USING ({_may('run')})",
        f"""
        CREATE POLICY belongs ON outbox.setback
        USING (EXISTS (SELECT FROM outbox.stored_task WHERE stored_task.id = task_id AND {_may("run")}))
        """,
    ):
        op.execute(statement)
    for table in ("stored_task", "setback"):
        op.execute(f"ALTER TABLE outbox.{table} ENABLE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.execute("DROP POLICY belongs ON outbox.setback")
    op.execute("ALTER TABLE outbox.setback DISABLE ROW LEVEL SECURITY")
    op.execute("DROP VIEW outbox.task")
    op.execute("DROP FUNCTION outbox.store_task()")
    for policy in ("seen", "written", "changed", "deleted"):
        op.execute(f"DROP POLICY {policy} ON outbox.stored_task")
    op.execute("DROP FUNCTION outbox.refuse(text)")
    op.execute("ALTER TABLE outbox.stored_task DISABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE outbox.stored_task DROP COLUMN writer")
    op.execute("ALTER TABLE outbox.stored_task RENAME TO task")
    op.execute("DROP TABLE outbox.access")
