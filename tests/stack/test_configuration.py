"""A bad variable or an unreadable secret stops a service at once, with one line that names it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.stack import Stack

#: Seconds after which a service that did not stop by itself is taken to run.
STOPS_WITHIN = 30
#: The whole of what a service may say before it stops.
FEW_LINES = 2


@dataclass(frozen=True)
class BadValue:
    """A variable with a value that its service must refuse."""

    service: str
    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.service}-{self.name}"


BAD_VALUES = [
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
    BadValue("worker", "SMTP_TLS", "yes"),
    BadValue("worker", "SMTP_PORT", "0"),
    BadValue("beat", "RABBITMQ_PORT", "amqp"),
    BadValue("flower", "REDIS_PORT", "none"),
    BadValue("postgres", "POSTGRES_DB", 'land"; fast'),
    BadValue("nginx", "FLOWER_USER", 'a"b'),
]

SECRETS = [
    ("web-django", "django_secret_key"),
    ("web-django", "postgres_password"),
    ("web-django", "redis_cache_password"),
    ("migrate-web", "admin_password"),
    ("migrate-api", "postgres_password"),
    ("api-flask", "rabbitmq_password"),
    ("api-flask", "redis_password"),
    ("worker", "rabbitmq_password"),
    ("beat", "redis_password"),
    ("flower", "flower_password"),
    ("nginx", "flower_password"),
    ("postgres", "web_owner"),
    ("redis", "redis_password"),
    ("redis-cache", "redis_password"),
    ("rabbitmq", "operator"),
]


def run_until_it_stops(stack: Stack, service: str, *options: str) -> tuple[int, list[str]]:
    """Run one more container of a service and return its exit status and what it said."""
    command = ["run", "--rm", "--no-deps", "--no-TTY", "--quiet-pull", *options, service]
    result = stack.compose(*command, check=False, timeout=STOPS_WITHIN)
    lines = [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    return result.returncode, lines


def assert_stopped_because_of(name: str, status: int, lines: list[str]) -> None:
    assert status not in {0, 137, 143}, lines
    naming = [json.loads(line) for line in lines if name in line]
    assert len(naming) == 1, f"one line names {name}: {lines}"
    assert naming[0]["level"] == "critical"
    assert len(lines) <= FEW_LINES, f"no more than the one line, and what an init may add: {lines}"


@pytest.mark.parametrize("bad", BAD_VALUES, ids=str)
def test_a_bad_value_stops_the_service_with_one_line_that_names_it(stack: Stack, bad: BadValue) -> None:
    status, lines = run_until_it_stops(stack, bad.service, "--env", f"{bad.name}={bad.value}")

    assert_stopped_because_of(bad.name, status, lines)


@pytest.mark.parametrize(("service", "name"), SECRETS, ids=lambda value: value)
@pytest.mark.parametrize("content", ["", "\n"], ids=["emptied", "blank"])
def test_an_empty_secret_stops_the_service_with_one_line_that_names_it(
    stack: Stack, tmp_path: Path, service: str, name: str, content: str
) -> None:
    empty = tmp_path / "empty"
    empty.write_text(content, encoding="ascii")

    status, lines = run_until_it_stops(stack, service, "--volume", f"{empty}:/run/secrets/{name}:ro")

    assert_stopped_because_of(name, status, lines)


@pytest.mark.parametrize("service", ["web-django", "api-flask", "worker", "flower"])
def test_missing_secrets_stop_the_service(stack: Stack, service: str) -> None:
    status, lines = run_until_it_stops(stack, service, "--env", "SECRETS_DIR=/nowhere")

    assert_stopped_because_of("/nowhere/", status, lines)


def test_a_damaged_secret_is_never_shown(stack: Stack, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("swordfish", encoding="ascii")

    status, lines = run_until_it_stops(stack, "web-django", "--volume", f"{short}:/run/secrets/django_secret_key:ro")

    assert_stopped_because_of("django_secret_key", status, lines)
    assert "swordfish" not in "".join(lines)


def test_the_maker_of_secrets_refuses_to_replace_an_emptied_one(stack: Stack, tmp_path: Path) -> None:
    """A new password would lock the services out of the data that the old one protects."""
    empty = tmp_path / "empty"
    empty.touch()

    status, lines = run_until_it_stops(stack, "secrets", "--volume", f"{empty}:/secrets/master/redis_password:ro")

    assert status != 0
    assert len(lines) == 1
    assert lines[0].count("redis_password") == 1
    assert "empty" in lines[0]
