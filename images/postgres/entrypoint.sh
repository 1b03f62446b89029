#!/bin/bash
# Makes the cluster on first start, brings roles and passwords in line with the secrets on every start, then serves.
set -euo pipefail
asked_to_stop=
trap 'asked_to_stop=1' INT TERM # bash would pass over one that comes while a command runs

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

# Two servers on one directory would ruin it. PostgreSQL's own lock file names a process by its number: that means nothing
# to another container, and after a power cut it may be the number of one of these processes here, which would pass for
# a running server. The kernel's lock holds between containers, and ends with the last process that has it open.
data=$(dirname "$PGDATA")
exec 9< "$data"
if ! flock --nonblock 9; then
    echo "FATAL: another container's PostgreSQL runs on the volume at $data; stop it first"
    exit 1
fi
rm -f "$PGDATA/postmaster.pid" /tmp/roles-are-set

# A cluster half made when the machine stopped must not pass for a whole one: it is made aside and renamed.
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    rm -rf "$PGDATA" "$PGDATA.new"
    initdb --pgdata="$PGDATA.new" --auth-local=peer --auth-host=scram-sha-256 --data-checksums \
        --locale-provider=builtin --locale=C.UTF-8 --encoding=UTF8 >/dev/null
    # Nobody else can connect meanwhile: the server listens on its socket alone, and only the postgres user may use that.
    pg_ctl start --pgdata="$PGDATA.new" --silent --wait --timeout=300 --options="${options[*]} -c listen_addresses=''"
    set-passwords
    pg_ctl stop --pgdata="$PGDATA.new" --silent --wait --mode=fast
    sync
    mv "$PGDATA.new" "$PGDATA"
fi

# A planned stop (STOPSIGNAL) lets running transactions end, for so many seconds. Then PostgreSQL rolls back the others, and ends.
drain_seconds=2
stop() {
    trap '' INT TERM
    echo "stopping: running transactions have $drain_seconds seconds to end, no new session is taken"
    drain "$server" "$drain_seconds" || echo "WARNING: running transactions cannot be waited for"
    kill -INT "$server" 2>/dev/null || true # unless it has ended meanwhile
}
"$@" -D "$PGDATA" "${options[@]}" &
server=$!
trap stop INT TERM
trap 'kill -HUP "$server"' HUP
trap 'kill -QUIT "$server"' QUIT
[ -z "$asked_to_stop" ] || stop

# It serves meanwhile, for requests wait for a server that restarts, and roles and passwords are mostly as they were.
# Migrations, which need new ones, wait for its health.
until pg_isready --quiet; do
    if ! kill -0 "$server" 2>/dev/null; then
        wait "$server" # for its exit status: it was stopped, or says why not
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
    wait "$server" || true # a signal ends it, too
done
wait "$server" # for its exit status
