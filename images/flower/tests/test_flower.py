"""Tests of Flower's settings, and that Flower has no application's task."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import celery_app
import pytest
from celery.backends.base import DisabledBackend
from celery.events.state import Task
from config import FlowerSettings
from landfast_runtime.env import ConfigError, Env

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


@pytest.fixture
def flowerconfig() -> Iterator[ModuleType]:
    """Return Flower's configuration; the root logger, which it configures, is restored afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    import flowerconfig  # noqa: PLC0415 - the import configures logging

    yield flowerconfig
    root.handlers[:] = handlers
    root.setLevel(level)


def test_it_asks_for_its_password_and_reads_the_broker(flowerconfig: ModuleType) -> None:
    assert flowerconfig.basic_auth == ["flower:only-for-tests/0123456789-0123456789"]
    assert flowerconfig.broker_api == (
        "http://flower:only-for-tests%2F0123456789-0123456789@127.0.0.1:15672/rabbitmq/api/"
    )
    assert (flowerconfig.port, flowerconfig.url_prefix) == (5555, "flower")
    assert flowerconfig.persistent
    assert flowerconfig.db == "/var/lib/flower/state"


def test_it_watches_the_vhost_that_a_variable_names() -> None:
    assert celery_app.app.conf.broker_url.endswith("@127.0.0.1:1/other")


def test_that_of_an_application_s_vhost_has_a_port_addresses_and_a_file_of_its_own() -> None:
    settings = FlowerSettings.from_env(Env({**os.environ, "RABBITMQ_VHOST": "shop"}))

    assert settings.place == {"port": 5556, "path": "/flower/vhost/shop/"}
    assert settings.state == Path("/var/lib/flower/state-shop")
    assert settings.broker.url.endswith("@127.0.0.1:1/shop")
    assert "only-for-tests" not in repr(settings)


def test_a_vhost_that_no_contract_has_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="RABBITMQ_VHOST: is 'shopp', must be one of other, shop"):
        FlowerSettings.from_env(Env({**os.environ, "RABBITMQ_VHOST": "shopp"}))


def test_it_knows_no_task_of_an_application_and_reads_no_results() -> None:
    celery_app.app.finalize()

    assert {name for name in celery_app.app.tasks if not name.startswith("celery.")} == set()
    assert isinstance(celery_app.app.backend, DisabledBackend)
    assert not {"tasks", "worker", "redis"} & {name.partition(".")[0] for name in sys.modules}


def test_it_says_of_a_failed_durable_task_where_to_retry_it(flowerconfig: ModuleType) -> None:
    failed = flowerconfig.format_task(Task(uuid="5f0c", state="FAILURE"))
    done = flowerconfig.format_task(Task(uuid="5f0d", state="SUCCESS"))

    assert failed.as_dict()["retry_it_at"] == "/console/outbox/task/?q=5f0c"
    assert "retry_it_at" not in done.as_dict()


def test_it_sends_nobody_to_the_console_for_tasks_that_are_not_there(
    flowerconfig: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = flowerconfig.settings
    monkeypatch.setattr(flowerconfig, "settings", replace(settings, broker=replace(settings.broker, vhost="shop")))

    assert "retry_it_at" not in flowerconfig.format_task(Task(uuid="5f0c", state="FAILURE")).as_dict()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SECRETS_DIR": "/nowhere"}, "flower_password: secret file /nowhere/flower_password is missing"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: is 'loud', must be one of"),
        ({"RABBITMQ_PORT": "none"}, "RABBITMQ_PORT: is 'none', must be a whole number"),
        ({"SECRETS_DIR": "/nowhere"}, "vhosts.json: secret file /nowhere/vhosts.json is missing"),
    ],
)
def test_it_names_the_variable_and_the_problem(variables: dict[str, str], message: str) -> None:
    problems: list[ConfigError] = []
    FlowerSettings.from_env(Env({"RABBITMQ_USER": "flower", **variables}, problems=problems))

    assert message in "\n".join(map(str, problems))


#: Prints the patterns of Flower's handlers, by method; in a process of its own, for it loads the whole of Flower.
HANDLERS = """
import json
from flower.urls import handlers
from tornado.web import RequestHandler, URLSpec
found = {method: [] for method in ("get", "post", "put", "patch", "delete")}
for each in handlers:
    pattern, view = (each.regex.pattern.rstrip("$"), each.target) if isinstance(each, URLSpec) else each[:2]
    for method, patterns in found.items():
        if getattr(view, method) is not getattr(RequestHandler, method):
            patterns.append(pattern)
print(json.dumps(found))
"""


def test_only_known_requests_change_nothing() -> None:
    """The console lets readers send these (console/console/access.py): look at each that a new Flower adds."""
    done = subprocess.run([sys.executable, "-c", HANDLERS], capture_output=True, check=True)
    found = json.loads(done.stdout)

    unknown_address = ".*"
    assert {each for each in found["post"] if not each.startswith("/api/")} == {"/tasks/datatable", unknown_address}
    assert found["put"] == found["patch"] == found["delete"] == []
    assert {each for each in found["get"] if each.startswith("/api/")} == {
        "/api/workers",
        "/api/tasks",
        "/api/task/types",
        "/api/queues/length",
        "/api/task/info/(.*)",
        "/api/task/result/(.+)",
    }
