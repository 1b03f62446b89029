"""A location of Nginx's, from what a contract says of a path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: How requests are handed on, by protocol: what directives begin with, the one that does it, and the snippet with what
#: the service needs to know.
_PROTOCOLS = {
    "http": ("proxy", "proxy_pass http://$place", "proxy-headers"),
    "uwsgi": ("uwsgi", "uwsgi_pass $place", "uwsgi-headers"),
}


def block(head: str, lines: Sequence[str]) -> str:
    """Return a block of Nginx's configuration; lines may be blocks themselves."""
    inner = "".join(f"    {line}\n" for each in lines for line in each.rstrip("\n").split("\n"))
    return f"{head} {{\n{inner}}}\n"


@dataclass(frozen=True)
class Location:
    """A place where an application answers.

    Args:
        path: what its addresses begin with.
        says: what the contract has below it.
    """

    path: str
    says: Mapping[str, Any]

    def blocks(self) -> Iterator[str]:
        """Yield the location as Nginx reads it, with those beside it that belong to it."""
        if len(self.path) > 1 and not self.says.get("internal"):  # visitors who leave the last slash out
            yield block(f"location = {self.path[:-1]}", [f"return 308 {self.path};"])
        if "files" not in self.says:
            yield block(f"location {self.path}", [*self._denied(), *self._handed_on()])
            return
        yield block(f"location {self.path}", [*self._denied(), *self._files()])
        if "service" in self.says:
            yield block(f"location {self._beside}", list(self._handed_on()))

    @property
    def _beside(self) -> str:
        """The location that asks the service for a file that is not there."""
        return f"@beside{self.path}"

    def _denied(self) -> Iterator[str]:
        for pattern in self.says.get("deny", ()):
            denied = ".*".join(re.escape(part) for part in f"{self.path}{pattern}".split("*"))
            yield block(f'location ~ "(?s)^{denied}$"', ["return 404;"])

    def _files(self) -> Iterator[str]:
        kind, internal = "static" if self.says.get("static") else "uploaded", self.says.get("internal")
        if internal:
            yield "internal;"
        yield f"alias {self.says['files'].rstrip('/')}/;"
        yield f"disable_symlinks on from={self.says['files'].rstrip('/')}; # nothing else that Nginx can read"
        yield f"include snippets/{kind}-files.conf;"
        if self.says.get("immutable"):
            yield 'add_header Cache-Control "public, max-age=31536000, immutable";'
        elif not internal:  # or the application's own answer says for how long
            yield "add_header Cache-Control $static_cache_control;"
        yield "include snippets/security-headers.conf;"
        yield "include snippets/request-id-header.conf;"
        if "service" in self.says:
            yield f"try_files $uri {self._beside};"

    def _handed_on(self) -> Iterator[str]:
        begin, hands_on, snippet = _PROTOCOLS[self.says.get("protocol", "http")]
        programs = self.says.get("errors") == "problem"
        yield f"set $place {self.says['service']};"
        if "largest_body" in self.says:
            yield f"client_max_body_size {self.says['largest_body']};"
        if self.says.get("websocket"):
            yield "set $websocket on;"
        if timeout := self.says.get("timeout", "1h" if self.says.get("websocket") else ""):
            yield f"{begin}_read_timeout {timeout}; # silence for so long is a fault"
        yield f"{hands_on};"
        yield f"include snippets/{snippet}.conf;"
        yield from self._kept(begin)
        if self.says.get("security_headers"):
            yield "include snippets/security-headers.conf;"
        yield f"error_page 502 504 =503 /pages/503.{'problem' if programs else 'html'};"
        yield f"error_page 413 /pages/413.{'problem' if programs else '$refused_as'};"

    def _kept(self, begin: str) -> Iterator[str]:
        """Yield what keeps the service's answers: files for a week, pages for a moment."""
        if self.says.get("static"):
            yield f"{begin}_cache static;"
            yield f"{begin}_cache_valid 200 7d;"
            yield f"{begin}_cache_key $host$uri$http_accept_encoding;"
            yield f"{begin}_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;"
        elif "fresh" in self.says:
            yield f"{begin}_cache pages;"
            yield f"{begin}_cache_valid 200 {self.says['fresh']};"
            yield f"{begin}_cache_key $scheme$host$request_uri;"
            yield f"{begin}_cache_bypass $http_cookie $http_authorization; # an answer for one visitor alone"
            yield f"{begin}_no_cache $http_cookie $http_authorization;"
            yield f"{begin}_cache_use_stale updating;"
            yield f"{begin}_cache_background_update on;"
        else:
            return
        yield f"{begin}_cache_lock on;"
        # An answer that was kept carries the id of the request that it was first made for.
        yield f"{begin}_hide_header X-Request-ID;"
        yield "include snippets/request-id-header.conf;"
