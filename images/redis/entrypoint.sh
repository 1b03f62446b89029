#!/bin/sh
# Starts Redis as `results` or `cache`, with the users of the contracts. Redis reads the whole configuration on standard input: no
# password is in the process list or on disk. Redis itself gets only digests, which work for any password.
# https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
set -eu
need-secrets users.acl
while read -r _ name _; do
    need-secrets "$name"
done </run/secrets/users.acl

with_passwords() {
    while read -r user name rules; do
        digest=$(printf %s "$(cat "/run/secrets/$name")" | sha256sum | cut -d " " -f 1)
        echo "$user $name #$digest $rules"
    done </run/secrets/users.acl
}

# A rewrite of the results' file may copy each page that changes meanwhile: half of the container's memory is for that. The cache
# writes no file.
case $1 in
    cache) quarters=3 ;;
    *) quarters=2 ;;
esac

exec redis-server - <<CONFIGURATION
$(cat /etc/redis/common.conf "/etc/redis/$1.conf")
maxmemory $(($(memory-limit) * quarters / 4))mb
$(with_passwords)
CONFIGURATION
