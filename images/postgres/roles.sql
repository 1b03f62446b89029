-- Makes the contracts' schemas in the database, each with an owner role (for migrations) and a user role. Runs after
-- schemas.sql, on every start, and changes only differences.

SELECT format('CREATE ROLE %I LOGIN', role) FROM passwords
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
SELECT format('ALTER ROLE %I PASSWORD %L', role, password) FROM passwords \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', :'database', role) FROM passwords
WHERE role NOT IN (SELECT owner FROM databases) \gexec
SELECT format('GRANT %I TO %I', role, member) FROM memberships WHERE role IS NOT NULL \gexec

SELECT format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', schema, owner) FROM schemas \gexec
SELECT format('GRANT USAGE ON SCHEMA %I TO %I', schema, role) FROM schemas WHERE role IS NOT NULL \gexec
SELECT format('ALTER ROLE %I SET search_path = %I', member, schema)
FROM schemas, LATERAL (VALUES (role), (owner)) AS members (member) WHERE role IS NOT NULL \gexec
-- The application may read and write the tables of future migrations, but not alter them.
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I',
              owner, schema, role) FROM schemas WHERE role IS NOT NULL \gexec
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT USAGE, SELECT ON SEQUENCES TO %I',
              owner, schema, role) FROM schemas WHERE role IS NOT NULL \gexec

-- Databases of single applications: no other role may connect.
SELECT format('CREATE DATABASE %I OWNER %I', database, owner) FROM databases
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = database) \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', database) FROM databases \gexec

-- Returns the free and the total bytes of the disk, for the services' readiness: the health check writes the file. The function is made
-- only if it is missing, because a server with a full disk must start with as few writes as possible.
SELECT $make$
    CREATE FUNCTION public.landfast_disk() RETURNS TABLE (free bigint, size bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT parts[1]::bigint, parts[2]::bigint
        FROM regexp_match(pg_read_file('/tmp/disk', 0, 100, true), '^\s*(\d+)\s+(\d+)') AS parts
        WHERE parts IS NOT NULL
    $$
$make$ WHERE to_regprocedure('public.landfast_disk()') IS NULL \gexec
