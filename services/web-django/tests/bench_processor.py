"""Measures the processor's time of pages and of a process's start: ``./stack bench pages`` runs this.

The pages pass the site's whole WSGI application with the real settings: the pool, the middleware, hashed static files.
Nothing is cached between two requests but what a process itself keeps. Only this process's time counts, neither
PostgreSQL's nor a wait.
"""

from __future__ import annotations

import gc
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from django.core.management import call_command
from django.db import connection, reset_queries
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from landfast_testing.postgres import server

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

DATABASE = "processor"
ARTICLES, COMMENTS = 100, 1_000
#: Requests that are measured, and those before them.
REQUESTS, WARMING = 400, 50
#: Starts of a process.
STARTS = 5
#: A visitor with a session, whose pages no cache keeps.
COOKIE = "sessionid=benchbenchbenchbenchbenchbench12"
#: Pages of the first start, an article with about ten comments, and the visitor's cookie.
PAGES = {
    "article": ("/news/what-a-landfast-is/", ""),
    "article, ten comments": ("/news/demo-50/", ""),
    "article, with a session": ("/news/what-a-landfast-is/", COOKIE),
    "list": ("/", ""),
}
#: The environment of a process as gunicorn starts it; ``sys.argv`` has the module.
LOAD = "import time, importlib, sys; began = time.process_time(); importlib.import_module(sys.argv[1])"
LOAD += "; print(time.process_time() - began)"


def environ(path: str, cookie: str) -> dict[str, Any]:
    """Return the environment of a browser's request, as gunicorn passes it on."""
    return {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.7",
        "HTTP_ACCEPT_ENCODING": "gzip, br",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "HTTP_X_FORWARDED_FOR": "192.0.2.7",
        "HTTP_X_FORWARDED_PROTO": "https",
        "HTTP_X_REQUEST_ID": "0123456789abcdef0123456789abcdef",
        "REMOTE_ADDR": "172.18.0.2",
        "HTTP_COOKIE": cookie,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def request(application: WSGIApplication, path: str, cookie: str) -> int:
    """Request a page, read it to its end, and return its bytes.

    Raises:
        SystemExit: the answer is no success.
    """
    said: list[str] = []
    response = application(environ(path, cookie), lambda status, _headers, _error=None: said.append(status))  # type: ignore[arg-type] # no writer
    size = sum(map(len, response))
    response.close()  # type: ignore[attr-defined] # the end of the request: the connection goes back to the pool
    if said != ["200 OK"]:
        raise SystemExit(f"{path} answered {said}")
    return size


def milliseconds(application: WSGIApplication, path: str, cookie: str) -> float:
    """Return the processor's time of a page: the twentieth of the requests that other programs disturbed least."""
    for _ in range(WARMING):
        request(application, path, cookie)
    found = []
    for _ in range(REQUESTS):
        began = time.process_time()
        request(application, path, cookie)
        found.append(1000 * (time.process_time() - began))
    return quantiles(found, n=20)[0]


def queries(application: WSGIApplication, path: str, cookie: str) -> int:
    """Return the number of a page's queries."""
    reset_queries()
    with CaptureQueriesContext(connection) as captured:
        request(application, path, cookie)
    return len(captured)


def start(module: str) -> float:
    """Return the seconds of the processor that a process takes to load a module: the least of some."""
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "mysite.settings"}
    command = [sys.executable, "-c", LOAD, module]
    return min(
        float(subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout)
        for _ in range(STARTS)
    )


def furnish() -> None:
    """Create the newsroom of the first start, and generated articles with comments."""
    from news import demo, seeding  # noqa: PLC0415 - needs the settings

    server().make_database(DATABASE)
    connection.close()
    connection.settings_dict["NAME"] = DATABASE
    call_command("migrate", verbosity=0)
    seeding.seed()
    demo.make(ARTICLES, COMMENTS)
    demo.tidy()


def main() -> None:
    """Print the figures as JSON."""
    from mysite import settings as real  # noqa: PLC0415 - as above
    from mysite.wsgi import application  # noqa: PLC0415 - as above

    furnish()
    connection.close()
    connection.settings_dict.update(CONN_MAX_AGE=0, CONN_HEALTH_CHECKS=real.DATABASES["default"]["CONN_HEALTH_CHECKS"])
    connection.settings_dict["OPTIONS"] = real.DATABASES["default"]["OPTIONS"]
    no_cache = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    hashed = {
        **real.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    with (
        TemporaryDirectory() as folder,
        override_settings(CACHES=no_cache, STORAGES=hashed, STATIC_ROOT=Path(folder), ALLOWED_HOSTS=["localhost"]),
    ):
        gc.collect()
        gc.freeze()  # as Gunicorn's processes do: landfast_runtime.django.gunicorn
        call_command("collectstatic", verbosity=0, interactive=False, ignore_patterns=["redoc"])
        pages = {
            name: {"ms": milliseconds(application, *page), "queries": queries(application, *page)}
            for name, page in PAGES.items()
        }
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined] # of PostgreSQL alone
    print(json.dumps({"pages": pages, "start": start("mysite.wsgi")}))


if __name__ == "__main__":
    main()
