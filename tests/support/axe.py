"""Runs axe-core on the page of a browser."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from tests.support.browser import IMAGE
from tests.support.stack import docker

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

#: Runs every rule of axe, including its best practices, and returns the violations.
RUN = "const done = arguments[0]; axe.run().then(found => done(found.violations), error => done([{help: `${error}`}]))"


@cache
def script() -> str:
    """Return axe-core's script from the browser's image, where it is installed and locked."""
    return docker("run", "--rm", "--entrypoint=cat", IMAGE, "/app/node_modules/axe-core/axe.min.js")


def violations(session: WebDriver) -> list[str]:
    """Return the violations on the page, one line for each element."""
    session.execute_script(script())
    found: list[dict[str, Any]] = session.execute_async_script(RUN)
    return [_line(violation, node) for violation in found for node in violation.get("nodes", [{}])]


def _line(violation: dict[str, Any], node: dict[str, Any]) -> str:
    checks = [check["message"] for kind in ("any", "all", "none") for check in node.get(kind, [])]
    target = " ".join(str(part) for part in node.get("target", []))
    return " · ".join(filter(None, [violation.get("id", "axe"), violation["help"], target, *checks[:1]]))
