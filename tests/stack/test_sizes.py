"""PostgreSQL, Redis and RabbitMQ take their sizes from the memory limit of their containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.servers import sessions
from cli.shortcuts import REDIS_CLI

if TYPE_CHECKING:
    from tests.support.stack import Stack

#: Bytes at which RabbitMQ blocks publishers.
WATERMARK = "io:format('~b', [vm_memory_monitor:get_memory_limit()])."


def limit(stack: Stack, service: str) -> int:
    """Return the memory limit of a service's container, in bytes."""
    found: int = stack.inspect(service)["HostConfig"]["Memory"]
    return found


def test_postgresql_takes_buffers_and_sessions_from_the_memory_of_its_container(stack: Stack) -> None:
    expected = sessions.settings(limit(stack, "postgres") >> 20)

    for name, value in expected.items():
        assert stack.execute("postgres", "psql", "-qAtd", "postgres", "-c", f"SHOW {name}").strip() == value


@pytest.mark.parametrize(("server", "share"), [("redis", 0.5), ("redis-cache", 0.75)])
def test_redis_holds_a_share_of_the_memory_of_its_container(stack: Stack, server: str, share: float) -> None:
    said = stack.execute(server, "sh", "-c", REDIS_CLI, "redis-cli", "CONFIG", "GET", "maxmemory")

    assert int(said.split()[-1]) == share * limit(stack, server)


def test_rabbitmq_blocks_publishers_before_its_container_is_full(stack: Stack) -> None:
    said = int(stack.execute("rabbitmq", "rabbitmqctl", "--quiet", "eval", WATERMARK).split("ok")[0])

    assert said == pytest.approx(0.6 * limit(stack, "rabbitmq"), rel=0.01)
