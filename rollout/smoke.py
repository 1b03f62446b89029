"""Asking the site what a visitor would, through every host that serves it."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ANSWER_TIMEOUT = 10
INTERVAL = 0.5
READ_AT_MOST = 1 << 20
OK = 200
#: How long the right answers may take to come.
SECONDS = 30.0


@dataclass(frozen=True)
class Check:
    """One question and the answer that it wants.

    Args:
        path: what to ask for.
        status: the status that is right.
        contains: words that must be in the answer.
        host: the host name to ask at; the site's without it.
    """

    path: str
    status: int = OK
    contains: str = ""
    host: str = ""


@dataclass(frozen=True)
class Smoke:
    """How to ask.

    Args:
        host: the site's name.
        checks: what to ask.
        verify: whether certificates must be good.
        seconds: how long the right answers may take to come.
        port: where it answers with TLS.
    """

    host: str
    checks: Sequence[Check]
    verify: bool = True
    seconds: float = SECONDS
    port: int = 443

    @classmethod
    def parse(cls, given: Mapping[str, Any], plan: Mapping[str, Any]) -> Smoke:
        """Return what to ask of a release.

        Args:
            given: by the playbook. A number may be a string: so ``-e`` has it.
            plan: the release's, with the checks that its applications' contracts have.
        """
        wanted = [*given["checks"], *plan.get("checks", ())]
        checks = [Check(**{**check, "status": int(check.get("status", OK))}) for check in wanted]
        return cls(**{**given, "checks": checks, "seconds": float(given.get("seconds", SECONDS))})


class _Connection(http.client.HTTPSConnection):
    """HTTPS to one address under the site's name."""

    def __init__(self, address: str, smoke: Smoke) -> None:
        """Remember both."""
        context = ssl.create_default_context()
        if not smoke.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        super().__init__(smoke.host, smoke.port, timeout=ANSWER_TIMEOUT, context=context)
        self.address, self.tls = address, context

    def connect(self) -> None:
        """Connect to the address and name the site in TLS."""
        plain = socket.create_connection((self.address, self.port), ANSWER_TIMEOUT)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.host)


def fetch(address: str, path: str, smoke: Smoke, host: str = "") -> tuple[int, str]:
    """Return the status and the body of the answer to ``path`` at ``address``; ``host`` is another name of the site's.

    Raises:
        OSError: nobody answers.
        http.client.HTTPException: the answer is no HTTP.
    """
    connection = _Connection(address, smoke)
    try:
        # The certificate is the same for all names, so it is the site's that is verified.
        headers = {"User-Agent": "landfast-smoke", **({"Host": host} if host else {})}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(READ_AT_MOST).decode(errors="replace")
    finally:
        connection.close()


def ask(address: str, check: Check, smoke: Smoke) -> str:
    """Return what is wrong with the answer to ``check`` at ``address``; nothing if it is right."""
    page = check.host + check.path
    try:
        status, body = fetch(address, check.path, smoke, check.host)
    except (OSError, http.client.HTTPException) as error:
        return f"{address}: {page}: {error or type(error).__name__}"
    if status != check.status:
        return f"{address}: {page} answers {status} instead of {check.status}: {body.strip()[:300]}"
    if check.contains not in body:
        return f"{address}: {page} answers without {check.contains!r}"
    return ""


def insist(smoke: Smoke, addresses: Sequence[str], asking: Callable[[str, Check, Smoke], str] = ask) -> None:
    """Ask every address everything until all answers are right.

    Args:
        smoke: what to ask, and for how long.
        addresses: the hosts' addresses.
        asking: asks one question.

    Raises:
        RolloutError: some answer never got right.
    """
    deadline = time.monotonic() + smoke.seconds
    for address in addresses:
        for check in smoke.checks:
            while problem := asking(address, check, smoke):
                if time.monotonic() > deadline:
                    raise RolloutError(f"the smoke test failed: {problem}")
                time.sleep(INTERVAL)
