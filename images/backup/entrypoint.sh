#!/bin/bash
# Makes the key of the connections between this container and PostgreSQL's, on the volume that the two share, and serves.
set -euo pipefail
need-secrets passphrase
link=/run/landfast-backup
if [ ! -d /var/lib/backup/postgres ]; then
    echo "WARNING: there is no repository in /var/lib/backup yet; ./stack backup makes it, or ./stack restore fetches it"
    until [ -d /var/lib/backup/postgres ]; do sleep 1; done
fi
if [ ! -s "$link/key" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=landfast-backup \
        -addext subjectAltName=DNS:backup,DNS:postgres -keyout "$link/key.new" -out "$link/certificate.new" 2>/dev/null
    mv "$link/certificate.new" "$link/certificate"
    mv "$link/key.new" "$link/key"
fi
touch "$link/on" # PostgreSQL archives from now on: images/postgres/archiving
exec engine serve
