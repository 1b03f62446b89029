"""Secrets are files that only their consumer can read: not in images, variables, or what ``docker inspect`` shows."""

from __future__ import annotations

import json
import secrets as randomness
from typing import TYPE_CHECKING

import pytest

from tests.support import secrets
from tests.support.stack import PREFIX, ROOT, Stack, docker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Shows what every process of a container was called with and was given, while its health check runs again and again
#: for two seconds. Processes that end while they are read are no fault, and the check's verdict is not asked for here.
WATCH = """
timeout 2 sh -c 'while :; do "$@"; done' sh "$@" > /dev/null 2>&1 &
while kill -0 $! 2>/dev/null; do
    cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null
done | tr '\\0' '\\n' | sort --unique
"""


@pytest.fixture(scope="module")
def known(stack: Stack) -> dict[str, str]:
    """The secrets of the running stack."""
    known = secrets.values(stack)
    assert set(known) == {name for name in secrets.names() if not name.endswith("certificate")}
    return known


@pytest.fixture(scope="module")
def canary(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """An image that was built anew with a mark in its build secrets, and the mark."""
    mark = f"canary-{randomness.token_hex(16)}"
    directory: Path = tmp_path_factory.mktemp("build-secrets")
    bundle = directory / "bundle.crt"
    own = stack.environment.get("CA_BUNDLE", "")
    content = (ROOT / own).read_text(encoding="utf-8") if own else ""
    bundle.write_text(f"# {mark}\n{content}", encoding="utf-8")
    built = Stack(project=f"{stack.project}-canary", ports=stack.ports, variables={"CA_BUNDLE": str(bundle)})
    built.compose("build", "--no-cache", "redis", timeout=300)
    image = f"{built.project}/redis"
    yield image, mark
    docker("rmi", "--force", image)


def test_each_secret_is_long_and_unlike_the_others(known: dict[str, str]) -> None:
    assert len(set(known.values())) == len(known)
    assert all(len(value) >= 20 for value in known.values())


def test_no_secret_is_in_the_layers_or_settings_of_any_image(stack: Stack, known: dict[str, str]) -> None:
    assert secrets.images_with(stack.images, ["landfast_runtime"]), "the search finds what is there"
    assert not secrets.images_with(stack.images, list(known.values()))


def test_no_secret_is_in_an_images_history(stack: Stack, known: dict[str, str]) -> None:
    history = "".join(docker("history", "--no-trunc", image) for image in stack.images)

    assert not [name for name, value in known.items() if value in history]


def test_no_secret_is_in_what_docker_tells_of_containers_and_images(stack: Stack, known: dict[str, str]) -> None:
    containers = stack.compose("ps", "--all", "--quiet").stdout.split()
    told = docker("inspect", *containers, *stack.images)

    assert not [name for name, value in known.items() if value in told]


def test_no_secret_is_in_the_variables_or_command_line_of_any_process(stack: Stack, known: dict[str, str]) -> None:
    for service in stack.long_running:
        told = stack.execute(service, "sh", "-c", WATCH, "sh", *health_check(stack, service))
        assert "PATH=" in told, "the search sees variables"
        assert not [name for name, value in known.items() if value in told], f"in {service}"


def test_no_secret_is_in_the_logs(stack: Stack, known: dict[str, str]) -> None:
    logs = stack.logs()

    assert not [name for name, value in known.items() if value in logs]


def test_no_service_can_read_anothers_secrets(stack: Stack, known: dict[str, str]) -> None:
    """Each service sees a volume of its own, and what is in several belongs to both ends of one connection."""
    readers: dict[str, set[str]] = {name: set() for name in known}
    for service in stack.long_running - {"mail"}:
        visible = stack.execute(service, "sh", "-c", "cat /run/secrets/* 2>/dev/null; true")
        for name, value in known.items():
            if value in visible:
                readers[name].add(service)

    assert readers["django_secret_key"] == {"web-django", "worker", "beat"}, "workers sign the links in mails"
    assert readers["tls_key"] == {"nginx"}
    assert readers["admin_password"] == set()
    assert readers["rabbitmq_operator_password"] == {"rabbitmq"}
    assert readers["postgres_web_password"] == {"postgres", "web-django"}
    assert readers["postgres_web_owner_password"] == {"postgres"}
    assert readers["postgres_api_password"] == {"postgres", "api-flask", "api-uploads"}
    assert readers["rabbitmq_worker_password"] == {"rabbitmq", "worker", "beat"}
    assert readers["rabbitmq_relay_password"] == {"rabbitmq", "relay"}
    assert readers["postgres_relay_password"] == {"postgres", "relay"}
    assert readers["postgres_outbox_owner_password"] == {"postgres"}


def test_secret_files_are_closed_to_others(stack: Stack) -> None:
    for service in stack.long_running - {"mail"}:
        modes = stack.execute(service, "sh", "-c", "stat --dereference --format=%a /run/secrets/*").split()
        assert modes, f"{service} has no secrets"
        assert {mode[-1] for mode in modes} == {"0"}, f"others can read secrets of {service}"


def test_redis_takes_a_password_of_any_characters_and_does_not_show_it(stack: Stack, tmp_path: Path) -> None:
    mark = randomness.token_hex(16)  # the log would escape the rest
    own = tmp_path / "own"
    own.write_text(f'{mark} "b" \\c\'#d $e %f ü', encoding="utf-8")
    name = f"{stack.project}-own-password"
    try:
        stack.compose(
            *("run", "--detach", "--no-deps", f"--name={name}", "--volume=/var/lib/redis"),
            *(f"--volume={own}:/run/secrets/redis_password:ro", "redis"),
        )
        wait_until(
            lambda: docker("inspect", "--format={{.State.Health.Status}}", name).strip() == "healthy",
            30,
            lambda: f"Redis to be healthy; it said:\n{docker('logs', name, merge=True)}",
        )
        assert mark not in docker("logs", name, merge=True)
    finally:
        docker("rm", "--force", "--volumes", name)


def test_the_authoritys_key_is_not_kept(stack: Stack) -> None:
    script = "grep -l -r 'PRIVATE KEY' /secrets | xargs -n 1 basename | sort -u"
    found = stack.compose("run", "--rm", "--no-deps", "--no-TTY", "--entrypoint=sh", "secrets", "-c", script).stdout

    assert found.split() == ["tls_key"]


def test_a_build_secret_leaves_no_trace_in_the_image(canary: tuple[str, str]) -> None:
    image, mark = canary

    assert image.startswith(PREFIX)
    assert secrets.images_with({image}, ["redis-server"]), "the search finds what is there"
    assert not secrets.images_with({image}, [mark])


def health_check(stack: Stack, service: str) -> list[str]:
    """Return the command that Docker runs in a service's container to see whether it is healthy."""
    container = stack.compose("ps", "--quiet", service).stdout.split()[0]
    check: list[str] = json.loads(docker("inspect", "--format={{json .Config.Healthcheck.Test}}", container))
    kind, *command = check
    assert kind == "CMD", f"the health check of {service} is no plain command: {check}"
    return command
