"""Conclusions about an application, one line each, with the fault and its remedy: pure functions."""

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

#: The number of paths that a line names.
SHOWN = 3


def container(service: str, config: Mapping[str, Any], *, one_shot: bool) -> list[Check]:
    """Return whether a container runs without root, and whether it has a health check.

    Args:
        service: its service.
        config: ``Config`` in the output of ``docker inspect``.
        one_shot: whether it does its work and ends.
    """
    user = str(config.get("User") or "root")
    if user.partition(":")[0] in {"root", "0"}:
        found = [failed("user", f"{service} runs as root", "add USER 10100 to its Dockerfile, or user: to the service")]
    else:
        found = [ok("user", f"{service} runs as {user}")]
    check = (config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    if check == ["NONE"] and not one_shot:
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
    """Return whether a service answers at the port in the contract.

    Args:
        place: ``NAME:PORT``.
        answer: the outcome of a request from Nginx's container.
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
    """Return whether visitors get a page.

    Args:
        address: the requested address.
        answer: the answer.
    """
    if not answer.status:
        return failed("nginx", f"{address} does not answer: {answer.body}", "./stack logs nginx")
    if answer.status == HTTPStatus.BAD_REQUEST:
        return failed("nginx", f"{address} is a bad request", "let the application take that host name (ALLOWED_HOSTS)")
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return failed("nginx", f"{address} answers {answer.status}", "./stack logs SERVICE may show the reason")
    return ok("nginx", f"{address} answers {answer.status}")


def smoke(address: str, wanted: Mapping[str, Any], answer: Answer) -> Check:
    """Return whether a page is as its contract says.

    Args:
        address: the requested address.
        wanted: its ``status``, and the text that it ``contains``.
        answer: the answer.
    """
    way_out = "./stack logs SERVICE may show the reason; http.smoke of the contract has the expected answer"
    if answer.status != wanted["status"]:
        got = answer.status or f"nothing ({answer.body})"
        return failed("smoke", f"{address} answers {got} instead of {wanted['status']}", way_out)
    if wanted["contains"] not in answer.body:
        return failed("smoke", f"{address} answers without {wanted['contains']!r}", way_out)
    return ok("smoke", f"{address} answers {answer.status} as its contract says")


def static(address: str, found: Mapping[str, Answer]) -> list[Check]:
    """Return whether the files that a page needs exist.

    Args:
        address: the page's address.
        found: path of each style sheet, script or picture -> the answer.
    """
    lacking = [(path, answer.status) for path, answer in found.items() if answer.status not in range(200, 400)]
    if not lacking:
        return [ok("static", f"{len(found)} files of {address} are there")] if found else []
    way_out = "collect static files in the image and serve them (WhiteNoise), or add a location with `files`"
    return [failed("static", f"{path} answers {status or 'nothing'}", way_out) for path, status in lacking]


def addresses(inspected: Mapping[str, Any]) -> list[str]:
    """Return a container's addresses in its networks."""
    networks = inspected["NetworkSettings"]["Networks"].values()
    return [each["IPAddress"] for each in networks if each.get("IPAddress")]


def root_is_writable(service: str) -> Check:
    """Return the finding about a service with a writable root file system."""
    return failed("writes", f"{service} has a writable root", "extend a template of compose.templates.yaml")


def runs_alone(service: str) -> Check:
    """Return the line for a service that was not tried, because a second container of it must not run."""
    return ok("writes", f"{service} is not tried: a second container of it must not run")


def written(service: str, paths: Sequence[str]) -> Check:
    """Return whether a service writes to its root file system.

    Args:
        service: its name.
        paths: the paths to which it wrote.
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
    """Return whether a one-shot can run again.

    Args:
        service: its name.
        outputs: the output of each run.
    """
    for number, output in enumerate(outputs, 1):
        if output.code != 0:
            last = (output.stdout + output.stderr).strip().rpartition("\n")[2]
            way_out = "each start and each deploy run it: a second run must change nothing and succeed"
            return failed("once", f"{service} failed in run {number}: {shorten(last)}", way_out)
    return ok("once", f"{service} can run again")


def consumed(vhost: str, queues: Sequence[Mapping[str, Any]]) -> list[Check]:
    """Return whether the queues of a vhost have consumers.

    Args:
        vhost: its name.
        queues: name, consumers and messages of each; and whether it is deleted automatically, as those for results
            and for remote control are.
    """
    own = [each for each in queues if not (each["auto_delete"] or each["exclusive"])]
    if not any(each["consumers"] for each in own):
        return [failed("broker", f"vhost {vhost} has no consumer", "does its worker run? docker compose ps --all")]
    left = [each["name"] for each in own if each["messages"] and not each["consumers"]]
    if left:
        way_out = "name it with the worker's --queues"
        return [failed("broker", f"queue {name} has messages and no consumer", way_out) for name in left]
    names = ", ".join(each["name"] for each in own if each["consumers"])
    return [ok("broker", f"consumers in vhost {vhost}: of {names}")]
