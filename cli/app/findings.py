"""Conclusions from a try of an application: pure functions. Each is one line that names the lack and the way out."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from cli.diagnosis import shorten
from cli.preflight import failed, ok

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cli.app.trial import Answer
    from cli.preflight import Check
    from cli.process import Output

#: How many paths a line names.
SHOWN = 3


def container(service: str, config: Mapping[str, Any], *, once: bool) -> list[Check]:
    """Judge as whom a container runs, and whether Docker can tell its health.

    Args:
        service: whose it is.
        config: what ``docker inspect`` says of it under ``Config``.
        once: whether it does its work and ends.
    """
    user = str(config.get("User") or "root")
    if user.partition(":")[0] in {"root", "0"}:
        found = [failed("user", f"{service} runs as root", "add USER 10100 to its Dockerfile, or user: to the service")]
    else:
        found = [ok("user", f"{service} runs as {user}")]
    check = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    if check == ["NONE"] and not once:
        found.append(
            failed("health", f"{service} has no health check", "add healthcheck.test: a deploy waits for it to pass")
        )
    return found


def speaks_uwsgi(place: str) -> Check:
    """Return the finding about a place to which Nginx speaks the uwsgi protocol.

    Args:
        place: ``NAME:PORT``.
    """
    return failed(
        "protocol",
        f"{place} speaks the uwsgi protocol: uWSGI runs the code that a packet names, and lets it set variables",
        "let it listen with `http-socket` in place of `socket`, and leave `protocol: uwsgi` out of the contract",
    )


def at_port(place: str, answer: Output) -> Check:
    """Judge whether a service answers where the contract says.

    Args:
        place: ``NAME:PORT``.
        answer: what came of asking it from where Nginx is.
    """
    if answer.code == 0:
        return ok("port", f"{place} answers {answer.stdout}" if answer.stdout else f"{place} takes connections")
    service, _, port = place.partition(":")
    return failed(
        "port",
        f"nothing answers at {place}",
        f"let {service} listen at 0.0.0.0:{port}, and share a network with nginx",
    )


def through_nginx(address: str, answer: Answer) -> Check:
    """Judge what a visitor gets.

    Args:
        address: what was asked for.
        answer: what came of it.
    """
    if not answer.status:
        return failed("nginx", f"{address} does not answer: {answer.body}", "./stack logs nginx")
    if answer.status == HTTPStatus.BAD_REQUEST:
        return failed("nginx", f"{address} is a bad request", "let the application take that host name (ALLOWED_HOSTS)")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return failed("nginx", f"{address} answers {answer.status}", "its log tells more: ./stack logs SERVICE")
    return ok("nginx", f"{address} answers {answer.status}")


def smoke(address: str, wanted: Mapping[str, Any], answer: Answer) -> Check:
    """Judge whether a page is the one that a contract says.

    Args:
        address: what was asked for.
        wanted: its ``status``, and what it ``contains``.
        answer: what came of it.
    """
    way_out = "./stack logs SERVICE tells more; the right answer stands in http.smoke of the contract"
    if answer.status != wanted["status"]:
        got = answer.status or f"nothing ({answer.body})"
        return failed("smoke", f"{address} answers {got} instead of {wanted['status']}", way_out)
    if wanted["contains"] not in answer.body:
        return failed("smoke", f"{address} answers without {wanted['contains']!r}", way_out)
    return ok("smoke", f"{address} answers {answer.status} as its contract says")


def static(address: str, found: Mapping[str, Answer]) -> list[Check]:
    """Judge whether what a page is shown with is there.

    Args:
        address: the page's.
        found: path of each style sheet, script or picture -> the answer.
    """
    lacking = [(path, answer.status) for path, answer in found.items() if answer.status not in range(200, 400)]
    if not lacking:
        return [ok("static", f"{len(found)} files of {address} are there")] if found else []
    way_out = "have the image collect its static files and serve them (WhiteNoise), or say where in nginx.extra"
    return [failed("static", f"{path} answers {status or 'nothing'}", way_out) for path, status in lacking]


def addresses(inspected: Mapping[str, Any]) -> list[str]:
    """Return a container's addresses in its networks."""
    networks = inspected["NetworkSettings"]["Networks"].values()
    return [each["IPAddress"] for each in networks if each.get("IPAddress")]


def root_is_writable(service: str) -> Check:
    """Return what to say of a service whose root file system may be written to."""
    return failed("writes", f"{service} may write to its root", "extend a service of compose.templates.yaml")


def runs_alone(service: str) -> Check:
    """Return the line for a service that was not tried, because there must never be two of it."""
    return ok("writes", f"{service} is not tried: there must never be two of it")


def written(service: str, paths: Sequence[str]) -> Check:
    """Judge where a service wrote to when its root file system let it.

    Args:
        service: its name.
        paths: what it wrote.
    """
    if not paths:
        return ok("writes", f"{service} writes nothing outside its volumes and /tmp")
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return failed(
        "writes",
        f"{service} writes to {', '.join(paths[:SHOWN])}{more}, which is read-only",
        "mount a volume or a tmpfs there, or have it write below /tmp",
    )


def twice(service: str, outputs: Sequence[Output]) -> Check:
    """Judge whether a one-shot can be run again.

    Args:
        service: its name.
        outputs: what came of each run.
    """
    for number, output in enumerate(outputs, 1):
        if output.code != 0:
            last = (output.stdout + output.stderr).strip().rpartition("\n")[2]
            way_out = "each start and each deploy run it: let it change only what is not there yet"
            return failed("once", f"{service} failed in run {number}: {shorten(last)}", way_out)
    return ok("once", f"{service} can be run again")


def consumed(vhost: str, queues: Sequence[Mapping[str, Any]]) -> list[Check]:
    """Judge whether somebody takes the messages of a vhost.

    Args:
        vhost: its name.
        queues: each one's name, consumers and messages, and whether it goes by itself, as those for results and for
            orders to workers do.
    """
    own = [each for each in queues if not (each["auto_delete"] or each["exclusive"])]
    if not any(each["consumers"] for each in own):
        return [failed("broker", f"nobody consumes in vhost {vhost}", "does its worker run? docker compose ps --all")]
    left = [each["name"] for each in own if each["messages"] and not each["consumers"]]
    if left:
        way_out = "name it with the worker's --queues"
        return [failed("broker", f"nobody consumes from {name}, where messages wait", way_out) for name in left]
    names = ", ".join(each["name"] for each in own if each["consumers"])
    return [ok("broker", f"consumers in vhost {vhost}: of {names}")]
