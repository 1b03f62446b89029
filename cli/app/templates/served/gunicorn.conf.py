"""Gunicorn's settings: https://gunicorn.org/reference/settings/."""

wsgi_app = "app_package.wsgi"
bind = "0.0.0.0:app-port"
workers = 2
threads = 4  # more than one also keeps Nginx's connections open
keepalive = 75  # seconds; longer than Nginx keeps an idle connection, so that it is never Nginx that is surprised
graceful_timeout = 30  # seconds for running requests at a stop; stop_grace_period in compose.yaml is longer
control_socket_disable = True  # it would be written into a home, and there is none to write to
worker_tmp_dir = "/tmp"  # noqa: S108 - in memory, and the container's own
forwarded_allow_ips = "*"  # Nginx is the only one there who reaches it
