"""Secrets are files that only their consumer can read: not in images, variables, or what ``docker inspect`` shows."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.support import secrets
from tests.support.stack import CommandError, docker

if TYPE_CHECKING:
    from tests.support.stack import Stack

#: Shows what every process of a container was called with and was given, while its health check runs again and again
#: for two seconds. Processes that end while they are read are no fault, and the check's verdict is not asked for here.
WATCH = """
timeout 2 sh -c 'while :; do "$@"; done' sh "$@" > /dev/null 2>&1 &
while kill -0 $! 2>/dev/null; do
    cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null
done | tr '\\0' '\\n' | sort --unique
"""

#: Sets the passwords while another session keeps the roles from being changed.
LOCKED = """
holders="FROM pg_locks WHERE relation = 'pg_authid'::regclass AND mode = 'ShareLock'"
psql --command 'BEGIN; LOCK TABLE pg_authid IN SHARE MODE; SELECT pg_sleep(60)' > /dev/null 2>&1 &
tries=0
until [ "$(psql --tuples-only --no-align --command "SELECT count(*) $holders")" = 1 ]; do
    [ $((tries += 1)) -lt 300 ] && sleep 0.1 || exit 3
done
set-passwords
status=$?
psql --command "SELECT pg_terminate_backend(pid) $holders" > /dev/null
exit "$status"
"""


@pytest.fixture(scope="module")
def known(stack: Stack) -> dict[str, str]:
    """The secrets of the running stack."""
    known = secrets.values(stack)
    assert set(known) == {name for name in secrets.names() if not name.endswith("certificate")}
    return known


def test_each_secret_is_long_and_unlike_the_others(known: dict[str, str]) -> None:
    assert len(set(known.values())) == len(known)
    assert all(len(value) >= 20 for value in known.values())


def test_no_secret_is_in_what_docker_tells_of_containers_and_images(stack: Stack, known: dict[str, str]) -> None:
    containers = stack.compose("ps", "--all", "--quiet").stdout.split()
    told = docker("inspect", *containers, *stack.images)

    assert not [name for name, value in known.items() if value in told]


def test_no_secret_is_in_the_variables_or_command_line_of_any_process(stack: Stack, known: dict[str, str]) -> None:
    def watch(service: str) -> str:
        return stack.execute(service, "sh", "-c", WATCH, "sh", *health_check(stack, service))

    services = sorted(stack.long_running)
    with ThreadPoolExecutor(4) as pool:
        for service, told in zip(services, pool.map(watch, services), strict=True):
            assert "PATH=" in told, "the search sees variables"
            assert not [name for name, value in known.items() if value in told], f"in {service}"


def test_no_secret_is_in_the_logs(stack: Stack, known: dict[str, str]) -> None:
    logs = stack.logs()

    assert not [name for name, value in known.items() if value in logs]


def test_a_slow_or_failing_change_of_passwords_logs_none(stack: Stack, known: dict[str, str]) -> None:
    def run(command: str) -> str:
        return stack.execute("postgres", "sh", "-c", command)

    run('psql --command "ALTER ROLE postgres SET log_min_duration_statement = 0"')  # each statement is a slow one
    try:
        run("psql --command \"SELECT 'a slow statement'\"")
        run("set-passwords")
        run("psql --command \"ALTER ROLE postgres SET lock_timeout = '100ms'\"")
        with pytest.raises(CommandError, match="lock timeout"):
            run(LOCKED)
    finally:
        run("psql --command 'ALTER ROLE postgres RESET ALL'")
    logs = stack.logs("postgres")

    assert "a slow statement" in logs, "the server logs statements"
    assert not [name for name, value in known.items() if value in logs]


def test_no_service_can_read_anothers_secrets(stack: Stack, known: dict[str, str]) -> None:
    """Each service sees a folder of its own, and what is in several belongs to both ends of one connection."""
    readers: dict[str, set[str]] = {name: set() for name in known}
    for service in stack.long_running - {"mail"}:
        visible = stack.execute(service, "sh", "-c", "cat /run/secrets/* 2>/dev/null; true")
        for name, value in known.items():
            if value in visible:
                readers[name].add(service)

    site = {"web-django", "web-worker", "web-mail", "web-beat"}
    api = {"api-flask", "api-uploads", "api-worker", "api-periodic"}
    assert readers["django_secret_key"] == site, "workers sign the links in mails"
    assert readers["tls_key"] == {"nginx"}
    assert readers["admin_password"] == readers["operator_password"] == set()
    assert readers["console_secret_key"] == {"console"}
    assert readers["postgres_console_password"] == {"postgres", "console"}
    for name in ("rabbitmq_operator_password", "rabbitmq_operator_reader_password"):
        assert readers[name] == {"rabbitmq", "nginx"}, "Nginx logs operators in"
    assert readers["postgres_web_password"] == {"postgres", *site}
    assert readers["postgres_web_owner_password"] == {"postgres"}
    assert readers["postgres_api_password"] == {"postgres", *api}
    assert readers["rabbitmq_worker_password"] == {"rabbitmq", "worker", "beat"}
    assert readers["rabbitmq_relay_password"] == {"rabbitmq", "relay"}
    assert readers["postgres_relay_password"] == {"postgres", "relay"}
    assert readers["postgres_outbox_owner_password"] == {"postgres"}


def test_secret_files_cannot_be_written(stack: Stack) -> None:
    for service in stack.long_running - {"mail"}:
        modes = stack.execute(service, "sh", "-c", "stat --dereference --format=%a /run/secrets/*").split()
        assert modes, f"{service} has no secrets"
        assert set(modes) == {"444"}, f"{service} can change its secrets"


def health_check(stack: Stack, service: str) -> list[str]:
    """Return the command that Docker runs in a service's container to see whether it is healthy."""
    container = stack.compose("ps", "--quiet", service).stdout.split()[0]
    check: list[str] = json.loads(docker("inspect", "--format={{json .Config.Healthcheck.Test}}", container))
    kind, *command = check
    assert kind == "CMD", f"the health check of {service} is no plain command: {check}"
    return command
