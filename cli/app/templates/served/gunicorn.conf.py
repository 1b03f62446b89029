"""Gunicorn's settings: https://gunicorn.org/reference/settings/."""

wsgi_app = "app_package.wsgi"
bind = "0.0.0.0:app-port"
workers = 2
threads = 4
max_requests = 10_000  # then another process takes over: a leak of memory ends, and no request fails
max_requests_jitter = 1_000  # not all processes at once
keepalive = 75  # seconds; for clients that keep connections: Nginx opens one for each request
graceful_timeout = 30  # seconds for running requests at a stop; stop_grace_period in compose.yaml is longer
control_socket_disable = True  # it would be written into a home, and there is none to write to
worker_tmp_dir = "/tmp"  # noqa: S108 - in memory, and the container's own
forwarded_allow_ips = "*"  # Nginx is the only one there who reaches it
