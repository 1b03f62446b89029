"""Gunicorn's settings. https://docs.gunicorn.org/en/stable/settings.html"""

from __future__ import annotations

from landfast_runtime.env import Env, load
from landfast_runtime.logs import logging_config


def _read(env: Env) -> tuple[int, int, bool, str]:
    return (
        env.integer("WEB_WORKERS", default=2, minimum=1, maximum=64),
        env.integer("WEB_THREADS", default=4, minimum=1, maximum=256),
        env.boolean("LIVE_RELOAD", default=False),
        env.text("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
    )


workers, threads, reload, _level = load("web-django", _read)

bind = "0.0.0.0:8000"  # noqa: S104 - Nginx reaches it over the container network; no port is published
wsgi_app = "mysite.wsgi:application"
worker_class = "gthread"  # keeps connections to Nginx open, which `sync` cannot
keepalive = 75  # seconds; longer than Nginx keeps an idle connection, so that it is never Nginx that is surprised
timeout = 60  # seconds without a sign of life after which a worker is replaced
graceful_timeout = 25  # seconds for running requests at a stop; the container's grace period is 30
control_socket_disable = True  # it would want a writable home, and nobody asks it anything
worker_tmp_dir = "/tmp"  # noqa: S108 - the heartbeat file: the container's own tmpfs
# The container networks are the only way in and Nginx the only one there who proxies.
forwarded_allow_ips = "*"

accesslog = None  # Nginx logs every request
logconfig_dict = logging_config("web-django", _level)
