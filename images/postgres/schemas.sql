-- Makes the database, and loads the rows for roles.sql: schemas and memberships are derived from the contracts, and set-passwords adds
-- the passwords. Variable: database.

SELECT format('CREATE DATABASE %I', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
\connect :"database"

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'database') \gexec

CREATE TEMPORARY TABLE passwords (role text, password text);
CREATE TEMPORARY TABLE schemas (schema text, owner text, role text);
CREATE TEMPORARY TABLE databases (database text, owner text, extensions text);
CREATE TEMPORARY TABLE memberships (member text, role text); -- without a membership, role is empty
\copy schemas FROM '/run/secrets/schemas.csv' (FORMAT csv, HEADER)
\copy memberships FROM '/run/secrets/roles.csv' (FORMAT csv, HEADER)
\copy databases FROM '/run/secrets/databases.csv' (FORMAT csv, HEADER)
