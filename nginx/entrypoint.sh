#!/bin/sh
# Checks what Nginx needs from its secrets, gives it Flower's login, then becomes Nginx.
set -eu
umask 077
need-secrets tls_certificate tls_key flower_password
login=$(printf '%s:%s' "${FLOWER_USER:-flower}" "$(cat /run/secrets/flower_password)" | base64 --wrap=0)
printf 'proxy_set_header Authorization "Basic %s";\n' "$login" > /tmp/flower-login.conf
exec "$@"
