-- One database; for each service a schema, a role that owns it (migrations) and a role that uses it (the service).
-- Runs on every start and changes only what differs. Variables: database, and NAME_password for each role.

SELECT format('CREATE DATABASE %I', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
\connect :"database"

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'database') \gexec

-- service, owner
CREATE TEMPORARY TABLE services (service text, owner text);
INSERT INTO services VALUES ('web', 'web_owner'), ('api', 'api_owner');

-- The outbox belongs to no service: its own migrations grant each what it needs. The relay publishes what is in it.
SELECT format('CREATE ROLE %I LOGIN', role) FROM (VALUES ('outbox_owner'), ('relay')) AS roles (role)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
ALTER ROLE outbox_owner PASSWORD :'outbox_owner_password';
ALTER ROLE relay PASSWORD :'relay_password';
SELECT format('GRANT CONNECT ON DATABASE %I TO outbox_owner, relay', :'database') \gexec
CREATE SCHEMA IF NOT EXISTS outbox AUTHORIZATION outbox_owner;

-- Workers run both applications' tasks.
SELECT 'CREATE ROLE worker LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'worker') \gexec

SELECT format('CREATE ROLE %I LOGIN', name)
FROM services, LATERAL (VALUES (service), (owner)) AS role (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE web PASSWORD :'web_password';
ALTER ROLE web_owner PASSWORD :'web_owner_password';
ALTER ROLE api PASSWORD :'api_password';
ALTER ROLE api_owner PASSWORD :'api_owner_password';
ALTER ROLE worker PASSWORD :'worker_password';

SELECT format('GRANT %I TO worker', service) FROM services \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO worker', :'database') \gexec

SELECT format('GRANT CONNECT ON DATABASE %I TO %I, %I', :'database', service, owner) FROM services \gexec
SELECT format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', service, owner) FROM services \gexec
SELECT format('GRANT USAGE ON SCHEMA %I TO %I', service, service) FROM services \gexec
SELECT format('ALTER ROLE %I SET search_path = %I', role, service)
FROM services, LATERAL (VALUES (service), (owner)) AS roles (role) \gexec
-- What migrations will create, the service may use, but not change in shape.
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I',
              owner, service, service) FROM services \gexec
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT USAGE, SELECT ON SEQUENCES TO %I',
              owner, service, service) FROM services \gexec

-- Free and all bytes of the disk, for the services' readiness: the health check writes the file. Made once, as a server whose disk
-- is full must start without changing more than it has to.
SELECT $make$
    CREATE FUNCTION public.landfast_disk() RETURNS TABLE (free bigint, size bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT parts[1]::bigint, parts[2]::bigint
        FROM regexp_match(pg_read_file('/tmp/disk', 0, 100, true), '^\s*(\d+)\s+(\d+)') AS parts
        WHERE parts IS NOT NULL
    $$
$make$ WHERE to_regprocedure('public.landfast_disk()') IS NULL \gexec
