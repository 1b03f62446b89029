"""Gunicorn's settings: https://docs.gunicorn.org/en/stable/settings.html."""

from __future__ import annotations

from console.config import SERVICE, console, dependencies
from landfast_runtime.logs import logging_config

# Read here, in the master: a bad value stops the service at once instead of one worker after the other.
_console = console()
dependencies()

bind = "0.0.0.0:8000"
wsgi_app = "console.wsgi:application"
worker_class = "gthread"  # keeps connections to Nginx open, which `sync` cannot
workers, threads = 1, 8  # operators are few; a report waits for a thread for two seconds at most
keepalive = 75  # seconds; longer than Nginx keeps an idle connection, so that it is never Nginx that is surprised
graceful_timeout = 25  # seconds for running requests at a stop; the container's grace period is 30
control_socket_disable = True  # it would want a writable home, and nobody asks it anything
worker_tmp_dir = "/tmp"  # noqa: S108 - the heartbeat file: the container's own tmpfs
# Nginx limits the request line and the headers (nginx/snippets/limits.conf); what it lets in passes here.
limit_request_line = 0  # none
limit_request_field_size = 32768  # bytes; 0 means 8190. Nginx makes one header of the cookies that HTTP/2 sends apart
limit_request_fields = 1100  # headers: the visitor's 1,000 and Nginx's own
# The container networks are the only way in and Nginx the only one there who proxies.
forwarded_allow_ips = "*"

logconfig_dict = logging_config(SERVICE, _console.log_level) | {
    # Gunicorn would give these handlers of its own; without any, their lines reach the one above.
    "loggers": {
        "gunicorn.error": {"handlers": [], "propagate": True},
        "gunicorn.access": {"handlers": [], "propagate": True, "level": "WARNING"},  # Nginx logs every request
    },
}
