"""Gunicorn's settings for a Django project behind Nginx: https://docs.gunicorn.org/en/stable/settings.html.

A project's ``gunicorn.conf.py`` imports them all, and adds its application, its size and its logs.
"""

from __future__ import annotations

import gc
import signal
from typing import TYPE_CHECKING

from landfast_runtime.renewal import Renewed

if TYPE_CHECKING:
    from collections.abc import Callable

    from gunicorn.workers.base import Worker  # type: ignore[import-untyped] # it has no types of its own


def renewed(wanted: int, *, beside: int = 0) -> Callable[[Worker], None]:
    """Return a value for ``post_worker_init``: a process that grows too much is replaced.

    What the application has loaded stays until the process ends. The garbage collector would look through it again and
    again, for a twentieth of a page's time.

    Args:
        wanted: MiB that a process may grow by; 0: its share of the container's memory.
        beside: the bytes of the container that processes which are not Gunicorn's may take.
    """

    def post_worker_init(worker: Worker) -> None:
        gc.collect()
        gc.freeze()
        worker.wsgi = Renewed(worker.wsgi, wanted, worker.cfg.workers, signal.SIGTERM, beside=beside)

    return post_worker_init


post_worker_init = renewed(0)
bind = "0.0.0.0:8000"
worker_class = "gthread"  # several requests at once
keepalive = 75  # seconds; for clients that keep connections: Nginx opens one for each request
graceful_timeout = 25  # seconds for running requests at a stop; the container's grace period is 30
control_socket_disable = True  # it needs a writable home, and is not used
worker_tmp_dir = "/tmp"  # noqa: S108 - the heartbeat file: the container's own tmpfs
# Nginx limits the request line and the headers (nginx/snippets/limits.conf); these limits admit all that Nginx admits.
limit_request_line = 0  # none
limit_request_field_size = 32768  # bytes; 0 means 8190. Nginx joins HTTP/2's separate cookies into one header
limit_request_fields = 1100  # headers: the visitor's 1,000 and Nginx's own
# Requests come only over the containers' networks, where Nginx is the only proxy.
forwarded_allow_ips = "*"
