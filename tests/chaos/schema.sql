-- The ledger's tables, as its own migrations would make them.
CREATE SCHEMA IF NOT EXISTS chaos;
CREATE TABLE IF NOT EXISTS chaos.accepted (
    entry uuid PRIMARY KEY,
    task uuid NOT NULL,
    run text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Without a unique key on purpose: an effect that is made twice must be seen.
CREATE TABLE IF NOT EXISTS chaos.effect (
    entry uuid NOT NULL,
    task uuid NOT NULL,
    run text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS effect_entry ON chaos.effect (entry);
GRANT USAGE ON SCHEMA chaos TO web, api, worker;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA chaos TO web, api, worker;
