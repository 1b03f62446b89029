"""Flower's configuration; Flower reads the names below as its options.

https://flower.readthedocs.io/en/latest/config.html
"""

from __future__ import annotations

from urllib.parse import quote

from landfast_runtime.celery import configure_logging
from landfast_runtime.env import load
from tasks.celery_app import settings as celery_settings

from worker.config import FlowerSettings, worker_settings

_flower = load("flower", FlowerSettings.from_env)
_broker = celery_settings.broker
configure_logging("flower", worker_settings().log_level)

address = "0.0.0.0"  # noqa: S104 - reachable on the container networks only; Nginx lets staff through
port = 5555
url_prefix = "flower"
basic_auth = [f"{_flower.user}:{_flower.password}"]
broker_api = f"http://{_broker.user}:{quote(_broker.password, safe='')}@{_broker.host}:15672/rabbitmq/api/"

persistent = True
db = str(_flower.state)
state_save_interval = 60_000  # milliseconds
purge_offline_workers = 600  # seconds
max_tasks = 10_000
