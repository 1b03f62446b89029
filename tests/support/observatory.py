"""MDN's HTTP Observatory, as its authors publish it, from the image of the test browser.

https://developer.mozilla.org/en-US/observatory/docs/tests_and_scoring
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.browser import IMAGE
from tests.support.stack import PREFIX, docker
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: Seconds for a page, whose scan needs seven requests.
SCAN = 60
PROGRAM = "/app/node_modules/@mdn/mdn-http-observatory/src/scan.js"
_EACH = 'for page; do node $OPTIONS "$PROGRAM" "$page" | tr -d "\\n"; echo; done'


#: Our pages with their points. The best mark is A+ from 100 points on. 130 are the most for a page without cookies, 135
#: with some.
OURS = {
    "/": 130,
    "/accounts/login/": 135,
    "/admin/": 135,
    "/api/": 130,
    "/api/docs": 130,
    "/api/reports": 130,
    "/rest/": 135,
    "/rest/docs/": 130,
    "/console/": 135,
    "/readyz": 130,
    "/healthz": 130,
}
#: Pages of others behind the operators' login. RabbitMQ's need eval, Flower's cookie has no Secure.
OTHERS = {"/flower/": 125, "/rabbitmq/": 110}


@dataclass(frozen=True)
class Marks:
    """The marks of a page.

    Args:
        grade: from A+ to F.
        score: points; 100 are the best without extra credit.
        status: the page's status.
        modifiers: points by test, those with none left out.
    """

    grade: str
    score: int
    status: int
    modifiers: dict[str, int]

    @classmethod
    def parse(cls, line: str) -> Marks:
        """Return the marks in the scanner's output.

        Raises:
            AssertionError: it could not scan the page.
        """
        report = json.loads(line)
        assert "scan" in report, report
        scan, tests = report["scan"], report["tests"]
        modifiers = {f"{name}: {test['result']}": test["scoreModifier"] for name, test in tests.items()}
        points = {name: number for name, number in modifiers.items() if number}
        return cls(scan["grade"], scan["score"], scan["statusCode"], points)


def scan(
    host: str, pages: Iterable[str], authority: Path, cookie: str = "", *, address: str = "127.0.0.1"
) -> dict[str, Marks]:
    """Return the marks of each page.

    Args:
        host: the name of the site, with its port if that is not the usual one. On this machine Nginx sends plain HTTP
            at its port for TLS to HTTPS, so one port is both of the addresses that the scanner tries.
        pages: the paths.
        authority: the file with the certificate to trust.
        cookie: a cookie to send, of somebody who is logged in.
        address: where the name leads.
    """
    paths = list(pages)
    milliseconds = round(1000 * PATIENCE * SCAN)
    variables = {
        "NODE_EXTRA_CA_CERTS": "/authority.pem",
        "ABORT_TIMEOUT": milliseconds,
        "CLIENT_TIMEOUT": milliseconds,
        "COOKIE": cookie,
        "OPTIONS": "--import=/app/with-cookie.mjs" if cookie else "",
        "PROGRAM": PROGRAM,
    }
    output = docker(
        *("run", "--rm", "--init", f"--name={PREFIX}{os.getpid()}-observatory", "--network=host", "--read-only"),
        *("--cap-drop=ALL", f"--add-host={host.partition(':')[0]}:{address}"),
        *(f"--volume={authority}:/authority.pem:ro", *(f"--env={name}={value}" for name, value in variables.items())),
        *("--entrypoint=sh", IMAGE, "-c", _EACH, "scan", *(f"{host}{path}" for path in paths)),
        timeout=SCAN * len(paths),
    )
    return dict(zip(paths, map(Marks.parse, output.splitlines()), strict=True))
