"""Whether Django lives (``/healthz``), and all that it stands on serves (``/readyz``, for people ``/lookout/``)."""

from __future__ import annotations

import threading
import time
from functools import cache

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from landfast_outbox import readiness as outbox
from landfast_runtime import health

from mysite import config

#: Seconds for which a report is handed out again: the page is public, and each report logs in everywhere.
REPORT_LIFETIME = 0.2

RELAY_HOST = "relay"
RELAY_PATH = "/healthz"

#: The queue of letters: ``tasks.celery_app.MAIL_QUEUE``, which would bring Celery into every start.
MAIL_QUEUE = "tasks.mail"

API_HOST = "api-flask"
API_PORT = 3031
API_PATH = "/healthz"


@cache
def checks() -> dict[str, health.Check]:
    """Return the check of each dependency by its name in the report."""
    site, dependencies = config.site(), config.dependencies()
    return {
        "postgres": health.postgres(site.postgres),
        "redis": health.redis(dependencies.results),
        "redis-cache": health.redis(site.cache),
        "rabbitmq": health.rabbitmq(dependencies.rabbitmq),
        "worker": health.consumers(dependencies.rabbitmq),
        "worker-mail": health.consumers(dependencies.rabbitmq, MAIL_QUEUE),
        "relay": health.http(RELAY_HOST, outbox.METRICS_PORT, RELAY_PATH),
        "outbox": outbox.check(site.postgres),
        "api-flask": health.uwsgi(API_HOST, API_PORT, API_PATH),
    }


class SharedReport:
    """One report for all who ask at about the same time."""

    def __init__(self) -> None:
        """Begin without a report."""
        self._lock = threading.Lock()
        self._report: health.Report | None = None
        self._made_at = 0.0

    def get(self) -> health.Report:
        """Return the last report while it is fresh, else make a new one; whoever comes meanwhile waits for it."""
        with self._lock:
            if self._report is None or time.monotonic() - self._made_at > REPORT_LIFETIME:
                self._report = health.run(checks())
                self._made_at = time.monotonic()
            return self._report

    def forget(self) -> None:
        """Make the next caller get a new report."""
        with self._lock:
            self._report = None


shared_report = SharedReport()


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer while this process does, asking nobody else."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Report every dependency by name; 503 while one of them does not serve."""
    report = shared_report.get()
    return JsonResponse(report.as_dict(), status=200 if report.ready else 503)


@never_cache
@require_safe
def lookout(request: HttpRequest) -> HttpResponse:
    """Show the report of ``/readyz`` as a page; it needs neither the database nor a session, as these may be gone."""
    return HttpResponse(render_to_string("lookout.html", {"report": shared_report.get(), "request": request}))
