#!/usr/bin/env python3
"""Compare uWSGI's sockets behind Nginx: ``python3 tests/bench/uwsgi_sockets.py``, in containers of its own.

One uWSGI listens with all of them and runs an application that does nothing, so that the protocols' cost is as visible
as it can be. wrk requests it through Nginx, in turn. Medians over the rounds, and each one's share of the first.
It needs PyYAML, as the environment of ``./stack test`` has it. docs/adr/0036 has its figures.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.bench.edge.__main__ import HERE, asked, rate  # noqa: E402
from tests.bench.place import Place  # noqa: E402, TC001 - importable once the path is set

APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "16")])
    return [b'{"ping": "pong"}']
"""
#: As in services/api-flask/uwsgi.ini, with a port for each socket.
UWSGI = """
[uwsgi]
strict = true
socket = :3031
http-socket = :8000
http11-socket = :8011
wsgi-file = /bench/application.py
home = /opt/venv
need-app = true
master = true
lazy-apps = true
single-interpreter = true
enable-threads = true
processes = 2
threads = 4
listen = 128
buffer-size = 65535
max-vars = 1100
post-buffering = 65536
harakiri = 20
disable-logging = true
die-on-term = true
"""
NGINX = """
worker_processes auto;
pid /tmp/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; uwsgi_temp_path /tmp/uwsgi;
    fastcgi_temp_path /tmp/fastcgi; scgi_temp_path /tmp/scgi;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection "";
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    upstream kept { server api:8011; keepalive 4; }
    server {
        listen 8080;
        location /http { proxy_pass http://api:8000; }
        location /http11-kept-alive { proxy_pass http://kept; }
        location /uwsgi {
            uwsgi_pass api:3031;
            uwsgi_param REQUEST_METHOD $request_method;
            uwsgi_param REQUEST_URI $request_uri;
            uwsgi_param PATH_INFO $document_uri;
            uwsgi_param QUERY_STRING $query_string;
            uwsgi_param CONTENT_TYPE $content_type;
            uwsgi_param CONTENT_LENGTH $content_length;
            uwsgi_param SERVER_PROTOCOL $server_protocol;
            uwsgi_param SERVER_NAME $host;
            uwsgi_param SERVER_PORT $server_port;
            uwsgi_param REMOTE_ADDR $remote_addr;
            uwsgi_param HTTP_X_FORWARDED_FOR $remote_addr;
            uwsgi_param HTTP_X_FORWARDED_PROTO $scheme;
        }
    }
}
"""
FILES = {"application.py": APPLICATION, "uwsgi.ini": UWSGI, "nginx.conf": NGINX}
#: The path of each socket, the one to compare with first.
PATHS = ("/uwsgi", "/http", "/http11-kept-alive")
#: No more connections than the uWSGI has threads, twice; a busy machine may answer late.
WRK = ("-t1", "-c16", "--timeout=30s")
#: Seconds of requests before the first measurement, in which every process loads the application.
WARM_UP = 1


def compare(place: Place, directory: Path, rounds: int, seconds: int) -> None:
    """Measure, and print the table."""
    wrk = place.build("wrk", HERE / "Dockerfile")
    nginx = place.build("nginx", ROOT / "nginx/Dockerfile")
    api = place.build("api", ROOT / "services/api-flask/Dockerfile")
    mount = f"--volume={directory}:/bench:ro"
    serve = ("-c", "/bench/nginx.conf", "-g", "daemon off;")
    found: dict[str, list[float]] = {path: [] for path in PATHS}
    with (
        place.network(),
        place.running("api", api, mount, "--network-alias=api", command=("uwsgi", "--ini", "/bench/uwsgi.ini")),
        place.running("nginx", nginx, mount, "--entrypoint=nginx", command=serve) as server,
    ):
        for path in PATHS:
            rate(place, wrk, server, path, WARM_UP, WRK)
        for _ in range(rounds):
            for path, rates in found.items():
                rates.append(rate(place, wrk, server, path, seconds, WRK))
    first = median(found[PATHS[0]])
    print("| Socket | Requests/s | Share |\n| --- | --- | --- |")
    for path, rates in found.items():
        print(f"| {path[1:]} | {median(rates):,.0f} | {median(rates) / first:.2f} |")


def main() -> int:
    """Read the command line, measure, and return the exit status."""
    place, options = asked("tests/bench/uwsgi_sockets.py", __doc__, rounds=9, seconds=3)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        for file, text in FILES.items():
            (directory / file).write_text(text, encoding="ascii")
        try:
            compare(place, directory, options.rounds, options.seconds)
        finally:
            for what in ("api", "nginx", "wrk"):
                subprocess.run(["docker", "rmi", f"{place.name}-{what}"], capture_output=True, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
