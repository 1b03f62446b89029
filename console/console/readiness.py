"""Liveness of the console (``/healthz``) and readiness of all dependencies (``/readyz``, and a page for people).

The check of each backing service is a real request. The contracts define the checks of applications: Nginx requests a
page of a service, because only Nginx shares a network with each application; and a queue must have a consumer.

Strangers see which dependency fails. The reasons, which name hosts and roles, are for operators and for the doctor.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from functools import cache, partial
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from landfast_outbox import readiness as outbox
from landfast_runtime import health
from landfast_runtime.env import Env

from console import config
from console.factors import State, state_of

#: Seconds for which a report is reused: the page is public, and each report logs in to every server.
REPORT_LIFETIME = 0.2

#: Seconds from which on a report of failures is slow: a dependency is silent, as when its host is gone. Such a report
#: is reused for longer, while the next one is made beside the requests.
SLOW = 1.0
SLOW_LIFETIME = 10.0

#: The console's own database, by its name in the report.
DATABASE = "postgres"

RELAY_HOST = "relay"
RELAY_PATH = "/healthz"

#: The address at which Nginx checks applications, only on the containers' network. (contract/nginx.py)
NGINX_HOST = "nginx"
NGINX_PORT = 8081


def checks() -> dict[str, health.Check]:
    """Return the check of each dependency by its name in the report."""
    env, postgres, rabbitmq = Env(), config.console().postgres, config.dependencies().rabbitmq
    found = dict(checks_of_the_house())
    for name, entry in config.applications(env).items():
        if "queue" in entry:
            found[name] = health.consumers(replace(rabbitmq, vhost=entry["vhost"]), entry["queue"])
        else:
            found[name] = partial(check_through_nginx, name)
    return found | {f"outbox-{name}": outbox.check(postgres.of(name)) for name in config.databases(env)}


@cache
def checks_of_the_house() -> dict[str, health.Check]:
    """Return the checks of the services that every stack has."""
    console, dependencies = config.console(), config.dependencies()
    return {
        DATABASE: health.postgres(console.postgres),
        "redis": health.redis(dependencies.results),
        "redis-cache": health.redis(dependencies.cache),
        "rabbitmq": health.rabbitmq(dependencies.rabbitmq),
        "relay": health.http(RELAY_HOST, outbox.METRICS_PORT, RELAY_PATH),
        "outbox": outbox.check(console.postgres),
    }


def check_through_nginx(name: str) -> None:
    """Check through Nginx whether a service is ready.

    Args:
        name: the service's name in the report.

    Raises:
        Unavailable: the service is not ready, or Nginx does not answer.
    """
    with health.asked_through("Nginx"):
        # A redirect is a success: the front page of a product often redirects to its login.
        health.http(NGINX_HOST, NGINX_PORT, f"/{name}", redirects=True)()


class SharedReport:
    """One report for all requests that arrive at about the same time."""

    def __init__(self) -> None:
        """Begin without a report."""
        self._lock = threading.Lock()
        self._report: health.Report | None = None
        self._made_at = 0.0
        self._is_slow = self._is_renewed = False

    def get(self) -> health.Report:
        """Return the last report while it is recent, else a new one; concurrent callers share it."""
        with self._lock:
            age = time.monotonic() - self._made_at
            if self._report is None or age > (SLOW_LIFETIME if self._is_slow else REPORT_LIFETIME):
                return self._keep(*self._make())
            if age > REPORT_LIFETIME and not self._is_renewed:
                self._is_renewed = True
                threading.Thread(target=self._renew, name="readiness", daemon=True).start()
            return self._report

    @staticmethod
    def _make() -> tuple[health.Report, float]:
        """Make a report; return it and its seconds."""
        began = time.monotonic()
        return health.run(checks()), time.monotonic() - began

    def _keep(self, report: health.Report, seconds: float) -> health.Report:
        self._report, self._made_at = report, time.monotonic()
        self._is_slow = not report.ready and seconds > SLOW
        return report

    def _renew(self) -> None:
        """Make a report beside the requests."""
        try:
            made = self._make()
            with self._lock:
                self._keep(*made)
        finally:
            self._is_renewed = False

    def forget(self) -> None:
        """Make the next caller get a new report."""
        with self._lock:
            self._report = None


shared_report = SharedReport()


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer while this process runs; no other service is checked."""
    return HttpResponse("ok\n", content_type="text/plain")


def may_see_reasons(request: HttpRequest, report: health.Report) -> bool:
    """Return whether a request comes from an operator, or from a program in this container (``console.report``).

    While the database is down, nobody can be recognized, and the question might last for seconds.
    """
    if request.META.get("REMOTE_ADDR") == "127.0.0.1" and "HTTP_X_FORWARDED_FOR" not in request.META:
        return True  # Nginx always names the visitor
    if DATABASE in report.failing:
        return False
    try:
        return state_of(request) is State.COMPLETE and request.user.is_staff
    except (OperationalError, InterfaceError):
        return False


def waits_for_a_person(details: health.Details | None) -> bool:
    """Return whether the tasks of an outbox failed for good, or are tried again."""
    return any(value for name, value in (details or {}).items() if name == "dead" or name.startswith("retried_after_"))


def public(report: health.Report) -> dict[str, Any]:
    """Return the report for strangers: only names, and whether each dependency serves."""
    return {
        "status": "ready" if report.ready else "unavailable",
        "failing": report.failing,
        "warnings": report.warnings,
        "attention": [name for name, result in report.results.items() if waits_for_a_person(result.details)],
        "dependencies": {name: {"ok": result.problem is None} for name, result in report.results.items()},
    }


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Report every dependency by name; 503 while one of them is not ready."""
    report = shared_report.get()
    shown = report.as_dict() if may_see_reasons(request, report) else public(report)
    return JsonResponse(shown, status=200 if report.ready else 503)


@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the report of ``/readyz`` as a page; it needs neither database nor session, which may be unavailable."""
    report = shared_report.get()
    context = {"report": report, "reasons": may_see_reasons(request, report), "request": request}
    return HttpResponse(render_to_string("console/readiness.html", context))
