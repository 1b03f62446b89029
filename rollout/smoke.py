"""The smoke test: a visitor's requests to the site, through every host that serves it."""

from __future__ import annotations

import http.client
import socket
import ssl
import string
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rollout.errors import RolloutError
from rollout.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ANSWER_TIMEOUT = 10
INTERVAL = 0.5
READ_AT_MOST = 1 << 20
OK = 200
#: Seconds within which the expected answers must arrive.
SECONDS = 30.0


@dataclass(frozen=True)
class Check:
    """One request and its expected answer.

    Args:
        path: the path of the request.
        status: the expected status.
        contains: text that must be in the answer.
        host: the host name of the request; the site's own without it.
    """

    path: str
    status: int = OK
    contains: str = ""
    host: str = ""


@dataclass(frozen=True)
class Smoke:
    """The settings of a smoke test.

    Args:
        host: the site's name.
        checks: the requests.
        verify: whether certificates must be valid.
        seconds: time within which the expected answers must arrive.
        port: the site's port for TLS.
    """

    host: str
    checks: Sequence[Check]
    verify: bool = True
    seconds: float = SECONDS
    port: int = 443

    @classmethod
    def parse(cls, given: Mapping[str, Any], plan: Mapping[str, Any]) -> Smoke:
        """Return the checks of a release.

        Args:
            given: the settings from a playbook. Numbers may be strings, because ``-e`` passes strings.
            plan: the release's, with the checks of its applications' contracts.
        """
        wanted = [*given["checks"], *plan.get("checks", ())]
        checks = [Check(**{**check, "status": int(check.get("status", OK))}) for check in wanted]
        return cls(**{**given, "checks": checks, "seconds": float(given.get("seconds", SECONDS))})


class _Connection(http.client.HTTPSConnection):
    """HTTPS to one address under the site's name."""

    def __init__(self, address: str, smoke: Smoke) -> None:
        """Keep both."""
        context = ssl.create_default_context()
        if not smoke.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(smoke.host, smoke.port, timeout=ANSWER_TIMEOUT, context=context)
        self.address, self.tls = address, context

    def connect(self) -> None:
        """Connect to the address and name the site in TLS."""
        plain = socket.create_connection((self.address, self.port), ANSWER_TIMEOUT)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)


#: Nginx sends no cached page to a visitor with a cookie that it does not know: the answer is the service's own.
PAST_THE_CACHE = {"Cookie": "landfast_smoke=1"}


def fetch(address: str, path: str, smoke: Smoke, host: str = "") -> tuple[int, str]:
    """Return the status and the body of the answer to ``path`` at ``address``; ``host`` is another name of the site's.

    Raises:
        OSError: there is no answer.
        http.client.HTTPException: the answer is not HTTP.
        ValueError: no request can be made of the host name.
    """
    connection = _Connection(address, smoke)
    try:
        # The certificate is the same for all names, so it is the site's that is verified.
        headers = {"User-Agent": "landfast-smoke", **PAST_THE_CACHE, **({"Host": host} if host else {})}
        # Parts that are encoded already stay as they are, and so does an address's syntax.
        connection.request("GET", quote(path, safe=string.punctuation), headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(READ_AT_MOST).decode(errors="replace")
    finally:
        connection.close()


def problem(address: str, check: Check, smoke: Smoke) -> str:
    """Return the problem with the answer to ``check`` at ``address``; an empty string if there is none."""
    page = check.host + check.path
    try:
        status, body = fetch(address, check.path, smoke, check.host)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{address}: {page}: {error or type(error).__name__}"
    if status != check.status:
        return f"{address}: {page} answers {status} instead of {check.status}: {body.strip()[:300]}"
    if check.contains not in body:
        return f"{address}: {page} answers without {check.contains!r}"
    return ""


def run(
    smoke: Smoke,
    addresses: Sequence[str],
    request: Callable[[str, Check, Smoke], str] = problem,
    report: Callable[[str], None] = print,
) -> None:
    """Send all requests to every address until all answers are as expected.

    Args:
        smoke: the requests, and the time limit.
        addresses: the hosts' addresses.
        request: sends one request.
        report: reports progress.

    Raises:
        RolloutError: an answer was still wrong at the end.
    """
    deadline, progress = time.monotonic() + smoke.seconds, Progress(report)
    for address in addresses:
        for check in smoke.checks:
            while wrong := request(address, check, smoke):
                if time.monotonic() > deadline:
                    raise RolloutError(f"the smoke test failed: {wrong}")
                progress.tell(f"smoke test: {wrong}")
                time.sleep(INTERVAL)
