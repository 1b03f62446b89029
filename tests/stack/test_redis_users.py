"""Each application has a user on Redis: it has its own keys there, and no command that shows or changes others'."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cli.shortcuts import REDIS_CLI

if TYPE_CHECKING:
    from tests.support.stack import Stack

#: Tries each command on a server, in a service's own stead, and says which ones Redis refused.
TRY = """
import json, sys
from landfast_runtime.connections import Redis
from landfast_runtime.env import Env
import redis
server, commands = json.loads(sys.argv[1])
client = redis.Redis.from_url({"redis": Redis.results_from_env, "redis-cache": Redis.cache_from_env}[server](Env()).url)
refused = []
for command in commands:
    try:
        client.execute_command(*command)
    except redis.exceptions.NoPermissionError:
        refused.append(command)
print(json.dumps(refused))
"""

HARMFUL = [
    ["FLUSHALL"], ["FLUSHDB"], ["CONFIG", "GET", "*"], ["ACL", "LIST"], ["SHUTDOWN"], ["CLIENT", "LIST"], ["MONITOR"],
    ["KEYS", "*"], ["SCAN", "0"], ["RANDOMKEY"], ["CLIENT", "TRACKING", "ON", "BCAST"], ["PUBSUB", "CHANNELS"],
    ["FUNCTION", "FLUSH"], ["SCRIPT", "FLUSH"], ["SORT", "list"], ["REPLICAOF", "other", "6379"],
]  # fmt: skip


def refused(stack: Stack, service: str, server: str, *commands: list[str]) -> list[list[str]]:
    """Return those of the commands that a server refuses to a service's user."""
    printed = stack.execute(service, "python", "-c", TRY, json.dumps([server, commands]))
    answer: Any = json.loads(printed.splitlines()[-1])
    return list(answer)


def operate(stack: Stack, server: str, *command: str) -> str:
    """Run a command as ``./stack redis-cli`` does."""
    return stack.execute(server, "sh", "-c", REDIS_CLI, "redis-cli", *command)


@pytest.mark.parametrize(("service", "server"), [("web-django", "redis-cache"), ("api-flask", "redis")])
def test_an_application_may_do_no_harm_to_others(stack: Stack, service: str, server: str) -> None:
    assert refused(stack, service, server, *HARMFUL) == HARMFUL


@pytest.mark.parametrize(
    ("service", "server", "own", "others"),
    [
        ("web-django", "redis-cache", "web:tried", "api:limits:tried"),
        ("api-flask", "redis", "api:tried", "celery-task-meta-tried"),
        ("api-flask", "redis-cache", "api:tried", "web:2:tried"),
        ("worker", "redis", "celery-task-meta-tried", "health"),
        ("web-worker", "redis-cache", "web:2:tried", "api:limits:tried"),
        ("console", "redis", "console:health", "celery-task-meta-tried"),
        ("console", "redis-cache", "console:health", "web:2:tried"),
    ],
)
def test_an_application_writes_its_own_keys_alone(
    stack: Stack, service: str, server: str, own: str, others: str
) -> None:
    write = [["SET", key, "1", "EX", "1"] for key in (own, others)]

    assert refused(stack, service, server, *write) == write[1:]


@pytest.mark.parametrize("server", ["redis", "redis-cache"])
def test_an_operator_may_do_all_and_nobody_is_let_in_without_a_name(stack: Stack, server: str) -> None:
    users = operate(stack, server, "ACL", "LIST").splitlines()

    assert [line.split()[2] for line in users if line.split()[1] == "default"] == ["off"]
    assert not [line for line in users if "nopass" in line]
