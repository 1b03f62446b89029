#!/bin/sh
# Checks Nginx's secrets, writes the settings that depend on the environment, then executes Nginx.
# shellcheck disable=SC2016 # a name with a dollar is one of Nginx's variables
set -eu
umask 077
# On servers visitors connect to sockets of the host, which outlive this container: this script starts anew once it has them.
if [ -n "${EDGE_SOCKET:-}" ] && [ -z "${NGINX:-}" ]; then exec take-sockets "$EDGE_SOCKET" "$0" "$@"; fi
# On servers a certificate is renewed while Nginx runs, so it cannot be a Swarm secret: those are immutable.
tls=${TLS_DIRECTORY:-/run/secrets}
need-secrets "$tls/tls_certificate" "$tls/tls_key" flower_password \
    rabbitmq_operator_password rabbitmq_operator_reader_password \
    locations.conf servers.conf programs.conf readiness.conf flower.conf
printf 'ssl_certificate %s/tls_certificate;\nssl_certificate_key %s/tls_key;\n' "$tls" "$tls" > /tmp/certificate.conf
write() { printf 'set $%s "%s";\n' "$1" "$2"; }
write acme_host "${ACME_HOST:-}" > /tmp/acme-host.conf
write https_only "${HTTPS_ONLY:-false}" > /tmp/https-only.conf
# basic USER SECRET: the value of Authorization for a user with that password.
basic() { printf 'Basic %s' "$(printf '%s:%s' "$1" "$(cat "/run/secrets/$2")" | base64 --wrap=0)"; }
printf 'proxy_set_header Authorization "%s";\n' "$(basic "${FLOWER_USER:-flower}" flower_password)" > /tmp/flower-login.conf
# Without a known right no login is sent.
printf 'map $operator_right $rabbitmq_login {\n    default "";\n    read "%s";\n    steer "%s";\n}\n' \
    "$(basic operator_reader rabbitmq_operator_reader_password)" "$(basic operator rabbitmq_operator_password)" \
    > /tmp/rabbitmq-logins.conf
# A name and its value, each of which is a number or missing.
number() {
    case $2 in
        *[!0-9]* | "") echo "FATAL: nginx: $1 must be a whole number, not \"$2\"" >&2 && exit 1 ;;
    esac
}
rate=${EDGE_WRITE_RATE:-10} burst=${EDGE_WRITE_BURST:-50} connections=${EDGE_CONNECTIONS:-200}
number EDGE_LOG_RATE "${EDGE_LOG_RATE:-1000}"
number EDGE_WRITE_RATE "$rate" && number EDGE_WRITE_BURST "$burst" && number EDGE_CONNECTIONS "$connections"
{
    if [ "$rate" -gt 0 ]; then
        printf 'limit_req_zone $writer zone=writes:2m rate=%sr/s;\n' "$rate"
        printf 'limit_req zone=writes%s nodelay;\n' "$([ "$burst" -eq 0 ] || echo " burst=$burst")"
    fi
    if [ "$connections" -gt 0 ]; then
        printf 'limit_conn_zone $visitor zone=visitors:2m;\nlimit_conn visitors %s;\n' "$connections"
    fi
} > /tmp/limits.conf
strict=
if [ "${HTTPS_ONLY:-false}" = true ]; then strict=${HSTS-max-age=31536000}; fi
if printf '%s' "$strict" | grep -Evq '^max-age=[0-9]+(; includeSubDomains)?(; preload)?$'; then
    echo "FATAL: nginx: HSTS must be like \"max-age=31536000; includeSubDomains\", or empty, not \"$strict\"" >&2
    exit 1
fi
printf 'map "" $strict_transport_security { default "%s"; }\n' "$strict" > /tmp/strict-transport.conf
# On a laptop static files change at any time.
age='max-age=3600, public' files='max=2000 inactive=60s'
if [ "${LIVE_RELOAD:-false}" = true ]; then age=no-cache files=off; fi
printf 'map "" $static_max_age { default "%s"; }\n' "$age" > /tmp/static-age.conf
printf 'open_file_cache %s;\nopen_file_cache_valid 10s;\nopen_file_cache_errors on;\n' "$files" > /tmp/open-files.conf
# listens PORT OPTIONS: the lines with which a server listens, on IPv6 too where the kernel has it.
listens() {
    printf 'listen %s%s;\n' "$1" "${2:+ $2}"
    [ ! -e /proc/net/if_inet6 ] || printf 'listen [::]:%s%s;\n' "$1" "${2:+ $2}"
}
http3=${EDGE_QUIC_PORT-8443} quic=8443
case $http3 in *[!0-9]*) echo "FATAL: nginx: EDGE_QUIC_PORT must be a number, or empty, not \"$http3\"" >&2 && exit 1 ;; esac
{ listens 8080 && listens 8443 ssl; } > /tmp/listen.conf
if [ -n "${EDGE_SOCKET:-}" ]; then
    { listens 80 && listens 443 ssl; } >> /tmp/listen.conf
    quic=443
    # A host without sockets for QUIC (a release of before) has no HTTP/3.
    [ "${EDGE_QUIC:-}" = true ] || http3=
fi
# Nginx takes an address's options once, from the first server. Each process has a socket of its own, for Nginx cannot pass a visitor's
# packets from one process to another.
: > /tmp/listen-quic.conf
: > /tmp/listen-quic-first.conf
if [ -n "$http3" ]; then
    listens "$quic" quic > /tmp/listen-quic.conf
    listens "$quic" "quic reuseport" > /tmp/listen-quic-first.conf
fi
suffix=${http3:+:$http3}
[ "$suffix" != :443 ] || suffix=
printf 'map "" $http3_port { default "%s"; }\nmap "" $http3_host_port { default "%s"; }\n' "$http3" "$suffix" > /tmp/http3-port.conf
# Derived from the TLS key, which nobody can compute from it, so that there is no further secret. Each host has a key of its own: with the
# same one a host would tell strangers how to end the connections of another (RFC 9000, section 21.11).
{ echo "QUIC ${EDGE_HOST:-}" && cat "$tls/tls_key"; } | sha256sum | cut -c 1-64 > /tmp/quic-host-key
[ -n "${EDGE_SOCKET:-}" ] || set -- reload-on-change /run/secrets "$@"
exec "$@"
