#!/bin/sh
# Starts Redis as `results` or `cache`. The password reaches it on standard input: not in the process list, not on disk.
set -eu
need-secrets redis_password
exec redis-server - <<CONFIGURATION
$(cat /etc/redis/common.conf "/etc/redis/$1.conf")
requirepass "$(sed 's/[\\"]/\\&/g' /run/secrets/redis_password)"
CONFIGURATION
