#!/bin/bash
# Makes the cluster on the first start, updates roles and passwords from the secrets on every start, and runs the server.
set -euo pipefail
asked_to_stop=
trap 'asked_to_stop=1' INT TERM # remembers a signal that arrives while a command runs

need-secrets roles.csv schemas.csv databases.csv outboxes.csv
mapfile -t roles < <(roles)
need-secrets "${roles[@]}"
database=${POSTGRES_DB:-landfast}
if [[ ! $database =~ ^[a-z_][a-z0-9_]{0,62}$ ]]; then
    echo "FATAL: configuration: POSTGRES_DB must be a plain name of a-z, 0-9 and _, at most 63 characters"
    exit 78 # EX_CONFIG
fi
if [[ ! ${POSTGRES_RESERVE_MB:-512} =~ ^[0-9]{1,7}$ ]]; then
    echo "FATAL: configuration: POSTGRES_RESERVE_MB must be a whole number of megabytes; 0 is none"
    exit 78 # EX_CONFIG
fi

options=(-c "config_file=/etc/postgresql/postgresql.conf" -c "hba_file=/etc/postgresql/pg_hba.conf")
sizes=$(sizes "$(memory-limit)")
for size in $sizes; do
    options+=(-c "$size")
done

# Two servers on one directory would destroy the data. PostgreSQL's own lock file contains a process id, which is meaningless in
# another container; after a power cut it may equal the id of a process of this container, which PostgreSQL would take for
# a running server. The kernel's lock works across containers, and ends with the last process that holds the file open.
data=$(dirname "$PGDATA")
exec 9< "$data"
if ! flock --nonblock 9; then
    echo "FATAL: another container's PostgreSQL runs on the volume at $data; stop it first"
    exit 1
fi
rm -f "$PGDATA/postmaster.pid" /tmp/roles-are-set
archiving apply

# A half-made cluster (the machine stopped) must not look complete: the cluster is made in another directory and renamed.
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    rm -rf "$PGDATA" "$PGDATA.new"
    initdb --pgdata="$PGDATA.new" --auth-local=peer --auth-host=scram-sha-256 --data-checksums \
        --locale-provider=builtin --locale=C.UTF-8 --encoding=UTF8 >/dev/null
    # No client can connect until then: the server listens only on its Unix socket, which only the postgres user may use.
    pg_ctl start --pgdata="$PGDATA.new" --silent --wait --timeout=300 --options="${options[*]} -c listen_addresses=''"
    set-passwords
    pg_ctl stop --pgdata="$PGDATA.new" --silent --wait --mode=fast
    sync
    mv "$PGDATA.new" "$PGDATA"
fi

# Seconds that running transactions have to end at a planned stop (STOPSIGNAL). PostgreSQL then rolls back the others, and ends.
drain_seconds=2
stop() {
    trap '' INT TERM
    echo "stopping: running transactions have $drain_seconds seconds to end, no new session is accepted"
    drain "$server" "$drain_seconds" || echo "WARNING: the wait for running transactions failed"
    kill -INT "$server" 2>/dev/null || true # unless it has already ended
}
"$@" -D "$PGDATA" "${options[@]}" &
server=$!
trap stop INT TERM
trap 'kill -HUP "$server"' HUP
trap 'kill -QUIT "$server"' QUIT
[ -z "$asked_to_stop" ] || stop

# The server accepts clients while roles and passwords are updated, because requests wait for a restart, and most starts change
# no role. Migrations, which may need new roles, wait for the health check.
until pg_isready --quiet; do
    if ! kill -0 "$server" 2>/dev/null; then
        wait "$server" # for its exit status: the server was stopped, or has logged its error
        exit
    fi
    sleep 0.05
done
if set-passwords; then
    touch /tmp/roles-are-set
else
    kill -INT "$server" 2>/dev/null || true # as above
    wait "$server" || true # the status of set-passwords counts
    exit 1
fi
while kill -0 "$server" 2>/dev/null; do
    wait "$server" || true # a signal interrupts the wait, too
done
wait "$server" # for its exit status
