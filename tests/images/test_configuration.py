"""Bad variables and unreadable secrets stop a service at once, with one line for each that names it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.stack import docker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.stack import Stack

#: Seconds after which a service that did not stop by itself is taken to run.
STOPS_WITHIN = 20
#: Where services keep what must not be touched by a second container.
DATA = {
    "postgres": "/var/lib/postgresql/data",
    "rabbitmq": "/var/lib/rabbitmq",
    "redis": "/var/lib/redis",
    "flower": "/var/lib/flower",
}


@dataclass(frozen=True)
class BadValue:
    """A variable with a value that its service must refuse."""

    service: str
    name: str
    value: str


BAD_VALUES = [
    BadValue("console", "RABBITMQ_PORT", "many"),
    BadValue("web-django", "LOG_LEVEL", "loud"),
    BadValue("web-django", "PUBLIC_URL", "localhost"),
    BadValue("web-django", "POSTGRES_PORT", "70000"),
    BadValue("web-django", "COOKIE_SECURE", "maybe"),
    BadValue("web-django", "WEB_WORKERS", "zero"),
    BadValue("web-django", "WEB_THREADS", "0"),
    BadValue("migrate-web", "ADMIN_EMAIL", "nobody"),
    BadValue("api-flask", "LOG_LEVEL", "loud"),
    BadValue("api-flask", "REDIS_PORT", "six"),
    BadValue("api-flask", "API_PROCESSES", "many"),
    BadValue("worker", "WORKER_CONCURRENCY", "-1"),
    BadValue("web-mail", "SMTP_TLS", "yes"),
    BadValue("web-mail", "SMTP_PORT", "0"),
    BadValue("web-mail", "WORKER_LANE", "post"),
    BadValue("web-worker", "WORKER_CONCURRENCY", "0"),
    BadValue("web-beat", "RABBITMQ_PORT", "amqp"),
    BadValue("api-worker", "WORKER_CONCURRENCY", "many"),
    BadValue("beat", "RABBITMQ_PORT", "amqp"),
    BadValue("relay", "OUTBOX_LOST_AFTER", "soon"),
    BadValue("relay", "OUTBOX_KEEP_DONE", "-1"),
    BadValue("migrate-outbox", "POSTGRES_PORT", "0"),
    BadValue("flower", "RABBITMQ_PORT", "none"),
    BadValue("postgres", "POSTGRES_DB", 'land"; fast'),
]

SECRETS = [
    ("console", "console_secret_key"),
    ("console", "readiness.json"),
    ("console", "databases.json"),
    ("migrate-console", "operator_password"),
    ("web-django", "django_secret_key"),
    ("web-django", "postgres_password"),
    ("web-django", "redis_password"),
    ("migrate-web", "admin_password"),
    ("migrate-api", "postgres_password"),
    ("migrate-outbox", "postgres_password"),
    ("migrate-outbox", "durable_tasks.json"),
    ("relay", "rabbitmq_password"),
    ("relay", "databases.json"),
    ("relay", "queues.json"),
    ("api-flask", "redis_password"),
    ("api-worker", "rabbitmq_password"),
    ("web-worker", "rabbitmq_password"),
    ("worker", "rabbitmq_password"),
    ("beat", "redis_password"),
    ("flower", "flower_password"),
    ("flower", "vhosts.json"),
    ("nginx", "flower_password"),
    ("nginx", "flower.conf"),
    ("postgres", "web_owner"),
    ("redis", "health"),
    ("redis-cache", "users.acl"),
    ("rabbitmq", "operator"),
]


def run_until_it_stops(stack: Stack, service: str, *options: str) -> tuple[int, list[str]]:
    """Run one more container of a service, on data of its own, and return its exit status and what it said."""
    name = f"{stack.project}-{service}-alone"
    data = [f"--volume={DATA[service]}"] if service in DATA else []
    try:
        command = ["run", "--detach", "--no-deps", "--name", name, *data, *options, service]
        stack.compose(*command)
        wait_until(
            lambda: docker("inspect", "--format={{.State.Running}} {{.RestartCount}}", name).strip() == "false 0",
            STOPS_WITHIN,
            lambda: f"{service} to stop; it said:\n{docker('logs', '--tail=10', name, merge=True)}",
        )
        status = int(docker("inspect", "--format={{.State.ExitCode}}", name))
        return status, [line for line in docker("logs", name, merge=True).splitlines() if line.strip()]
    finally:
        docker("rm", "--force", "--volumes", name)


def assert_stopped_because_of(name: str, status: int, lines: list[str]) -> None:
    assert status not in {0, 137, 143}, lines
    naming = [json.loads(line) for line in lines if name in line]
    assert [line["level"] for line in naming] == ["critical"], f"one line names {name}: {lines[-20:]}"


def assert_each_stops_it(stack: Stack, service: str, wrong: Mapping[str, str]) -> None:
    """Give a service all that is wrong at once, and again what it has not come to: each gets one line of its own.

    Args:
        stack: whose images.
        service: which.
        wrong: the option that makes it wrong, by the name of the variable or the secret.
    """
    left = dict(wrong)
    while left:
        status, lines = run_until_it_stops(stack, service, *left.values())
        named = [name for name in left if any(name in line for line in lines)] or list(left)
        for name in named:
            assert_stopped_because_of(name, status, lines)
            del left[name]


@pytest.mark.parametrize("service", dict.fromkeys(bad.service for bad in BAD_VALUES))
def test_a_bad_value_stops_the_service_with_one_line_that_names_it(images: Stack, service: str) -> None:
    wrong = {bad.name: f"--env={bad.name}={bad.value}" for bad in BAD_VALUES if bad.service == service}

    assert_each_stops_it(images, service, wrong)


@pytest.mark.parametrize("service", dict.fromkeys(service for service, _ in SECRETS))
@pytest.mark.parametrize("content", ["", "\n"], ids=["emptied", "blank"])
def test_an_empty_secret_stops_the_service_with_one_line_that_names_it(
    images: Stack, tmp_path: Path, service: str, content: str
) -> None:
    empty = tmp_path / "empty"
    empty.write_text(content, encoding="ascii")
    wrong = {name: f"--volume={empty}:/run/secrets/{name}:ro" for whose, name in SECRETS if whose == service}

    assert_each_stops_it(images, service, wrong)


@pytest.mark.parametrize("service", ["web-django", "web-worker", "api-flask", "api-worker", "worker", "flower"])
def test_missing_secrets_stop_the_service_with_a_line_for_each(images: Stack, service: str) -> None:
    status, lines = run_until_it_stops(images, service, "--env", "SECRETS_DIR=/nowhere")

    missing = {json.loads(line)["variable"] for line in lines if "/nowhere/" in line}
    assert missing, lines[-20:]
    for name in missing:
        assert_stopped_because_of(f"/nowhere/{name} ", status, lines)


def test_nginx_tries_a_configuration_without_the_sockets_of_a_host(images: Stack, tmp_path: Path) -> None:
    trial = ("--entrypoint=try-configuration", "--env=EDGE_SOCKET=/nowhere")
    mistaken = tmp_path / "locations.conf"
    mistaken.write_text("location = /teapot { return 418; }\n}\n", encoding="ascii")

    status, lines = run_until_it_stops(images, "nginx", *trial)
    assert status == 0, lines

    status, lines = run_until_it_stops(images, "nginx", *trial, f"--volume={mistaken}:/run/secrets/locations.conf:ro")
    assert status == 1, lines
    assert any('unexpected "}" in /run/secrets/locations.conf:2' in line for line in lines), lines
    assert "NAME.nginx.extra is services/NAME/nginx.extra" in lines[-1]


def test_a_damaged_secret_is_never_shown(images: Stack, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("swordfish", encoding="ascii")

    status, lines = run_until_it_stops(images, "web-django", "--volume", f"{short}:/run/secrets/django_secret_key:ro")

    assert_stopped_because_of("django_secret_key", status, lines)
    assert "swordfish" not in "".join(lines)


def test_the_maker_of_secrets_refuses_to_replace_an_emptied_one(images: Stack, tmp_path: Path) -> None:
    """A new password would lock the services out of the data that the old one protects."""
    empty = tmp_path / "empty"
    empty.touch()

    status, lines = run_until_it_stops(images, "secrets", "--volume", f"{empty}:/secrets/master/redis_web_password:ro")

    assert status != 0
    assert len(lines) == 1
    assert lines[0].count("redis_web_password") == 1
    assert "empty" in lines[0]
