#!/bin/sh
# Checks what Nginx needs from its secrets, gives it Flower's login, then becomes Nginx.
set -eu
umask 077
for secret in tls_certificate tls_key flower_password; do
    [ -s "/run/secrets/$secret" ] || { echo "FATAL: secret file /run/secrets/$secret is missing or empty" && exit 78; } # EX_CONFIG
done
login=$(printf '%s:%s' "${FLOWER_USER:-flower}" "$(cat /run/secrets/flower_password)" | base64 --wrap=0)
printf 'proxy_set_header Authorization "Basic %s";\n' "$login" > /tmp/flower-login.conf
exec "$@"
