"""Tests of Flower's settings and options, and that Flower has no application's task."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from celery.events.state import Task
from config import FlowerSettings
from landfast_runtime.env import ConfigError, Env

if TYPE_CHECKING:
    from types import SimpleNamespace


def options(vhost: str) -> SimpleNamespace:
    """Return the options of a vhost's Flower."""
    import watch  # noqa: PLC0415 - it loads Flower, which other tests do without

    return watch.options(FlowerSettings.from_env(Env()).of(vhost))


def test_it_asks_for_its_password_and_reads_the_broker() -> None:
    found = options("other")

    assert found.basic_auth == ["flower:only-for-tests/0123456789-0123456789"]
    assert found.broker_api == "http://flower:only-for-tests%2F0123456789-0123456789@127.0.0.1:15672/rabbitmq/api/"
    assert (found.port, found.url_prefix) == (5555, "flower")
    assert found.persistent
    assert found.db == "/var/lib/flower/state"


def test_that_of_an_application_s_vhost_has_a_port_addresses_and_a_file_of_its_own() -> None:
    settings = FlowerSettings.from_env(Env()).of("shop")

    assert settings.place == {"port": 5556, "path": "/flower/vhost/shop/"}
    assert settings.state == Path("/var/lib/flower/state-shop")
    assert settings.broker.url.endswith("@127.0.0.1:1/shop")
    assert "only-for-tests" not in repr(settings)


def test_options_of_one_vhost_are_not_those_of_another() -> None:
    found = {vhost: options(vhost) for vhost in ("other", "shop")}

    assert [each.port for each in found.values()] == [5555, 5556]
    assert [each.url_prefix for each in found.values()] == ["flower", "flower/vhost/shop"]
    assert [each.db for each in found.values()] == ["/var/lib/flower/state", "/var/lib/flower/state-shop"]


def test_it_says_of_a_failed_durable_task_where_to_retry_it() -> None:
    format_task = options("other").format_task

    assert format_task(Task(uuid="5f0c", state="FAILURE")).as_dict()["retry_it_at"] == "/console/outbox/task/?q=5f0c"
    assert "retry_it_at" not in format_task(Task(uuid="5f0d", state="SUCCESS")).as_dict()


def test_it_sends_nobody_to_the_console_for_tasks_that_are_not_there() -> None:
    assert "retry_it_at" not in options("shop").format_task(Task(uuid="5f0c", state="FAILURE")).as_dict()


#: Prints the tasks and the backend of the Celery application, and the packages that it has loaded: the tests load more.
APPLICATION = """
import json, sys
from celery_app import application
from config import FlowerSettings
from landfast_runtime.env import Env
app = application(FlowerSettings.from_env(Env()))
app.finalize()
packages = {name.partition(".")[0] for name in sys.modules}
print(json.dumps([list(app.tasks), type(app.backend).__name__, list(packages)]))
"""


def test_it_knows_no_task_of_an_application_and_reads_no_results() -> None:
    done = subprocess.run([sys.executable, "-c", APPLICATION], capture_output=True, check=True)
    tasks, backend, packages = json.loads(done.stdout)

    assert {name for name in tasks if not name.startswith("celery.")} == set()
    assert backend == "DisabledBackend"
    assert not {"tasks", "worker", "redis"} & set(packages)


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
