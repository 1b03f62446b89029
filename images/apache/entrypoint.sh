#!/bin/sh
# Checks Apache's secrets, writes Flower's login, then executes Apache.
set -eu
umask 077
need-secrets tls_certificate tls_key flower_password apache.conf
login=$(printf '%s:%s' "${FLOWER_USER:-flower}" "$(cat /run/secrets/flower_password)" | base64 --wrap=0)
printf 'RequestHeader set Authorization "Basic %s"\n' "$login" > /tmp/flower-login.conf
exec reload-on-change /run/secrets "$@"
