"""Requests to a host by the site's name."""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from tests.support.waiting import PATIENCE

#: Seconds that a page may take on an idle reference machine.
PAGE = 15


@dataclass(frozen=True)
class Answer:
    """The answer of a host."""

    status: int
    location: str
    body: bytes


def fetch(address: str, name: str, path: str, *, https: bool = True) -> Answer:
    """Request a page from a host and return its answer, without a check of the certificate.

    Args:
        address: the host.
        name: the site's name.
        path: the page.
        https: whether to use HTTPS, or plain HTTP.

    Raises:
        OSError: there is no answer.
    """
    kind = partial(http.client.HTTPSConnection, context=_trusting()) if https else http.client.HTTPConnection
    with closing(kind(address, timeout=PATIENCE * PAGE)) as connection:
        connection.request("GET", path, headers={"Host": name})
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheader("Location", ""), answer.read())


def _trusting() -> ssl.SSLContext:
    return ssl._create_unverified_context()  # noqa: S323, SLF001 - other tests check the certificate
