"""Access to the operators' pages (Flower, RabbitMQ): Nginx sends a subrequest here before it forwards a request.

Every operator reads; to steer is a right of its own. A request steers unless it is known to change nothing.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache

from console.factors import State, state_of

if TYPE_CHECKING:
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

#: The permission to stop workers, revoke tasks, purge queues and the like.
STEER = "console.steer"
#: The answer's header with the operator's right, for Nginx: it logs in to RabbitMQ as a user with that right.
RIGHT_HEADER, READS, STEERS = "X-Operator-Right", "read", "steer"

READING = {"GET", "HEAD", "OPTIONS"}
#: The requests with another method that change nothing: Flower's list of tasks fetches its rows so.
ALSO_READING = re.compile(r"POST /flower/(vhost/[^/%]+/)?tasks/datatable")
#: Characters of a path in the log.
LONGEST_PATH = 500


@dataclass(frozen=True)
class Asked:
    """The request that Nginx asks about.

    Args:
        method: its method.
        path: its path as the visitor sent it, without the query.
        origin: the site whose page sent it, if the browser says so.
        own: the address at which the request arrived.
    """

    method: str
    path: str
    origin: str | None
    own: str

    @classmethod
    def about(cls, request: HttpRequest) -> Asked:
        """Return the request about which a subrequest asks. Nginx sets both headers; visitors cannot."""
        return cls(
            method=request.headers.get("X-Original-Method", ""),
            path=request.headers.get("X-Original-URI", "").partition("?")[0],
            origin=request.headers.get("Origin"),
            own=f"{request.scheme}://{request.get_host()}",
        )

    @property
    def steers(self) -> bool:
        """Whether it may change something."""
        return self.method not in READING and not ALSO_READING.fullmatch(f"{self.method} {self.path}")

    @property
    def is_from_here(self) -> bool:
        """Whether no page of another site sent it: browsers send cookies for other names of the same domain, too."""
        return self.origin in {None, self.own, *settings.CSRF_TRUSTED_ORIGINS}


@never_cache
def operator(request: HttpRequest) -> HttpResponse:
    """Answer 204 if the operator may send the request, 403 if not, and 401 without a complete login."""
    if state_of(request) is not State.COMPLETE:
        return HttpResponse(status=401)
    asked, user = Asked.about(request), request.user
    may_steer = user.has_perm(STEER)
    allowed = user.is_staff and (not asked.steers or (may_steer and asked.is_from_here))
    if asked.steers:
        record(user.get_username(), asked.method, asked.path, allowed=allowed)
    if not allowed:
        return HttpResponse(status=403)
    return HttpResponse(status=204, headers={RIGHT_HEADER: STEERS if may_steer else READS})


@never_cache
def log_in(request: HttpRequest) -> HttpResponse:
    """Send a stranger to the login, and back later. Nginx cannot encode the address for that."""
    wanted = request.headers.get("X-Original-URI", "")
    return HttpResponseRedirect(f"{settings.LOGIN_URL}?next={quote(wanted)}")


def record(username: str, method: str, path: str, *, allowed: bool, status: int | None = None) -> None:
    """Log a request that changes something, with its user; every line has the request's id.

    Args:
        username: the user.
        method: its method.
        path: its path, without the query.
        allowed: whether it was forwarded to the service.
        status: the status of the answer, if it is known.
    """
    cut = path if len(path) <= LONGEST_PATH else f"{path[:LONGEST_PATH]}..."
    about = {"operator": username, "method": method[:20], "path": cut, "allowed": allowed}
    known = {} if status is None else {"status": status}
    log = logger.info if allowed else logger.warning
    log("an operator sent %s %s", method[:20], cut, extra={**about, **known})
