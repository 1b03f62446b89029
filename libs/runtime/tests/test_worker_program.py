"""A worker's program, from an application's tasks and the worker's variables."""

from __future__ import annotations

import gc
import json
import logging
import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
from celery import signals
from kombu import Exchange, Queue
from kombu.transport import native_delayed_delivery
from landfast_runtime.celery import create_celery
from landfast_runtime.connections import RabbitMQ
from landfast_runtime.env import ConfigError, Env
from landfast_runtime.worker import activity, probe
from landfast_runtime.worker.config import WorkerSettings, worker_settings
from landfast_runtime.worker.lanes import Lane, chosen
from landfast_runtime.worker.program import configure
from landfast_runtime.worker.reload import Watcher
from landfast_runtime.worker.retrying import FIRST_RETRY, LONGEST_WAIT, RETRIES, unless_gone
from landfast_testing.celery_signals import as_before

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from celery import Celery

BROKER = RabbitMQ("rabbitmq", 5672, "landfast", "shop", "not-a-real-one")
LANES = {"shop": Lane(("shop",)), "outside": Lane(("shop.outside",), pool="threads", waiting=0)}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Reset settings, and disconnect from Celery's signals."""
    for name in (
        "WORKER_CONCURRENCY",
        "WORKER_GROWTH_MB",
        "WORKER_AUTORELOAD",
        "WORKER_LANE",
        "SERVICE_NAME",
        "LOG_LEVEL",
    ):
        monkeypatch.delenv(name, raising=False)
    worker_settings.cache_clear()
    with as_before():
        yield monkeypatch
    worker_settings.cache_clear()


def configured(lane: Lane) -> Celery[Any]:
    app = create_celery("shop", queues=["shop", "shop.outside"])
    configure(app, lane, BROKER)
    return app


def test_it_runs_what_its_variables_say(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("WORKER_CONCURRENCY", "3")

    app = configured(LANES["outside"])

    assert (app.conf.worker_concurrency, app.conf.worker_pool, app.conf.worker_prefetch_multiplier) == (3, "threads", 1)
    assert app.conf.broker_url == BROKER.url
    assert app.conf.beat_scheduler == "landfast_runtime.worker.scheduler:TickingScheduler"
    assert probe.NAME in app.tasks


@pytest.mark.usefixtures("environment")
def test_it_consumes_its_lane_and_its_own_probes_and_forgets_old_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(activity, "DIRECTORY", tmp_path)
    (tmp_path / "1").touch()
    app = configured(LANES["shop"])

    signals.celeryd_after_setup.send(sender="worker", instance=SimpleNamespace(app=app), conf=app.conf)

    own: Any = app.amqp.queues[f"probe.{socket.gethostname()}"]
    assert set(app.amqp.queues.consume_from) == set(app.amqp.queues) == {"shop", own.name}
    assert (own.exchange.name, own.expires) == ("probe", 120)
    assert not list(tmp_path.iterdir())


def test_it_reads_no_other_worker_s_events(environment: pytest.MonkeyPatch) -> None:
    environment.setattr("celery.worker.consumer.gossip.Gossip.compatible_transport", lambda *_: True)
    app = configured(LANES["shop"])
    app.conf.update(broker_url="memory://")

    worker: Any = app.WorkController(pool_cls="solo")

    consumer_steps = {each.alias: each.enabled for each in worker.consumer.blueprint.order if hasattr(each, "enabled")}
    assert not consumer_steps["Gossip"]


@pytest.mark.usefixtures("environment")
def test_nobody_is_warned_that_probes_cannot_be_delayed(caplog: pytest.LogCaptureFixture) -> None:
    configured(LANES["shop"])
    bind: Any = native_delayed_delivery.bind_queue_to_native_delayed_delivery_exchange
    connection = MagicMock()

    bind(connection, probe.queue())
    assert not caplog.records
    bind(connection, Queue("letters", Exchange("letters", type="direct"), routing_key="letters"))
    assert "Exchange letters is a direct exchange" in caplog.text


@pytest.mark.usefixtures("environment", "_root_logger")
def test_it_logs_json_under_its_name(environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment.setenv("SERVICE_NAME", "shop-worker")
    configured(LANES["shop"])

    signals.setup_logging.send(sender=None)
    logging.getLogger("shop").warning("low water")

    written = capsys.readouterr()
    line = json.loads((written.out + written.err).splitlines()[-1])
    assert (line["service"], line["message"]) == ("shop-worker", "low water")


@pytest.mark.usefixtures("environment")
def test_its_processes_share_what_it_has_loaded() -> None:
    configured(LANES["shop"])
    assert not gc.get_freeze_count()
    try:
        signals.worker_before_create_process.send(sender=None)
        frozen = gc.get_freeze_count()
        signals.worker_before_create_process.send(sender=None)
        assert gc.get_freeze_count() == frozen > 0, "a later process of the pool finds the same"
    finally:
        gc.unfreeze()


def test_it_watches_its_code_where_its_variable_says_so(environment: pytest.MonkeyPatch) -> None:
    connect = MagicMock()
    environment.setattr(Watcher, "connect", connect)

    configured(LANES["shop"])
    connect.assert_not_called()
    environment.setenv("WORKER_AUTORELOAD", "true")
    worker_settings.cache_clear()
    configured(LANES["shop"])
    connect.assert_called_once_with()


def test_it_has_the_lane_that_its_variable_names(environment: pytest.MonkeyPatch) -> None:
    assert chosen(LANES) is LANES["shop"]
    environment.setenv("WORKER_LANE", "outside")
    assert chosen(LANES) is LANES["outside"]


def test_it_refuses_a_lane_that_there_is_not(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("WORKER_LANE", "outsied")

    with pytest.raises(SystemExit):
        chosen(LANES)

    assert "is 'outsied', must be one of outside, shop" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORKER_CONCURRENCY": "many"}, "WORKER_CONCURRENCY: is 'many', must be a whole number"),
        ({"WORKER_CONCURRENCY": "0"}, "WORKER_CONCURRENCY: is 0, must be at least 1"),
        ({"WORKER_GROWTH_MB": "-1"}, "WORKER_GROWTH_MB: is -1, must be at least 0"),
        ({"WORKER_AUTORELOAD": "often"}, "WORKER_AUTORELOAD: is 'often', must be true or false"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: is 'loud', must be one of"),
    ],
)
def test_it_names_the_variable_and_the_problem(variables: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        WorkerSettings.from_env(Env(variables))

    assert message in str(raised.value)


def test_nothing_is_left_to_do_for_what_is_gone() -> None:
    def gone() -> None:
        raise LookupError("no article 7")

    assert unless_gone(gone) is None
    assert unless_gone(lambda: 7) == 7


def test_retries_go_on_for_about_a_day() -> None:
    waits = [min(FIRST_RETRY * 2**n, LONGEST_WAIT) for n in range(RETRIES)]
    assert 23 * 3600 < sum(waits) < 27 * 3600
