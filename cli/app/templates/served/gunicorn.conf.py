"""Gunicorn's settings: https://gunicorn.org/reference/settings/."""

wsgi_app = "app_package.wsgi"
bind = "0.0.0.0:app-port"
workers = 2
threads = 4
max_requests = 10_000  # then a new process takes over, which ends leaks of memory; no request fails
max_requests_jitter = 1_000  # not all processes at once
keepalive = 75  # seconds; for clients that keep connections: Nginx opens one for each request
graceful_timeout = 30  # seconds for running requests at a stop; stop_grace_period in compose.yaml is longer
control_socket_disable = True  # it is a file in a home directory, which is missing here
worker_tmp_dir = "/tmp"  # noqa: S108 - in memory, and the container's own
forwarded_allow_ips = "*"  # only Nginx can reach it
