#!/bin/sh
# Starts Redis as `results` or `cache`. The password reaches it on standard input: not in the process list, not on disk.
set -eu
secret=/run/secrets/redis_password
[ -s "$secret" ] || { echo "FATAL: secret file $secret is missing or empty" && exit 78; } # EX_CONFIG
exec redis-server - <<CONFIGURATION
$(cat /etc/redis/common.conf "/etc/redis/$1.conf")
requirepass $(cat "$secret")
CONFIGURATION
