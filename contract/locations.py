"""The location in Nginx's configuration for a path of a contract."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Any

from contract import uploads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Forwarding by protocol: the prefix of directives, the directive that forwards, and the snippet with the headers.
_PROTOCOLS = {
    "http": ("proxy", "proxy_pass http://$place", "proxy-headers"),
    "uwsgi": ("uwsgi", "uwsgi_pass $place", "uwsgi-headers"),
}

#: Keys of the page cache.
CACHE = ("cache", "languages", "language_cookie")

#: ``security_headers`` -> the policy in ``nginx/snippets/header-defaults.conf``.
POLICIES = {None: "application", True: "", False: "none"}


def block(head: str, lines: Sequence[str]) -> str:
    """Return a block of Nginx's configuration; a line may be a block itself."""
    inner = indent("\n".join(line.rstrip("\n") for line in lines), " " * 4)
    return f"{head} {{\n{inner}\n}}\n"


@dataclass(frozen=True)
class Location:
    """A path prefix of an application.

    Args:
        path: the prefix.
        entry: its entry in the contract.
        host: the application's first host name, if it has one.
    """

    path: str
    entry: Mapping[str, Any]
    host: str = ""

    def blocks(self) -> Iterator[str]:
        """Yield the location and its helper locations, as blocks of Nginx's configuration."""
        if "uploads" in self.entry:
            yield from self._with_uploads()
            return
        if len(self.path) > 1 and not self.entry.get("internal"):  # for visitors who omit the last slash
            yield block(f"location = {self.path[:-1]}", [f"return 308 {self.path};"])
        if "files" not in self.entry:
            yield block(f"location {self.path}", [*self._denied(), *self._forwarded()])
        else:
            yield block(f"location {self.path}", [*self._denied(), *self._files()])
            if "service" in self.entry:
                yield block(f"location {self._missing}", list(self._forwarded()))
        yield from self._past_the_cache()

    def _past_the_cache(self) -> Iterator[str]:
        """Yield the location that sends a request straight to the service if the cache is of no help.

        A stopping Nginx closes the server in ``nginx/conf.d/pages.conf`` before its last requests are answered.
        """
        if self.entry.get("cache"):
            entry = {key: value for key, value in self.entry.items() if key not in CACHE}
            straight = Location(self.path, entry, self.host)
            yield block(f"location {self._straight}", list(straight._forwarded()))

    def _with_uploads(self) -> Iterator[str]:
        """Yield the location, that of its other requests, and those through which an upload passes."""
        given = self.entry["uploads"]
        if len(self.path) > 1:  # a redirect would make senders send a file twice
            yield block(f"location = {self.path[:-1]}", list(uploads.divided(self.path, given)))
        yield block(f"location {self.path}", list(uploads.divided(self.path, given)))
        yield block(f"location @others{self.path}", list(self._forwarded()))
        yield from self._past_the_cache()
        yield block(f"location @too-large{self.path}", list(uploads.too_large(given)))
        first = "uploads"
        if "permission" in given:
            yield block(*uploads.asked(self.path, self.entry))
            limits = list(self._limited_writes())
            yield block(f"location @uploads{self.path}", [*limits, *uploads.refused(self.path, self.entry)])
            first = "permitted"
        kept = {"service", "protocol", "errors", "security_headers", "writes"}
        entry = {key: value for key, value in self.entry.items() if key in kept}
        entry |= {key: given[key] for key in ("service", "timeout") if key in given}
        prefix, *_ = _PROTOCOLS[entry.get("protocol", "http")]
        upload = Location(self.path, entry, self.host)
        # The first error_page for a status counts.
        yield block(f"location @{first}{self.path}", [*uploads.forwarded(prefix, given), *upload._forwarded()])

    def zones(self) -> Iterator[str]:
        """Yield the memory in which Nginx counts what this location limits by itself, for the level of ``http``."""
        if writes := self.entry.get("writes"):
            yield f"limit_req_zone $writer zone={self._zone}/writes:1m rate={writes['rate'].replace('/', 'r/')};\n"
        if self.entry.get("connections"):
            yield f"limit_conn_zone $visitor zone={self._zone}/connections:1m;\n"

    @property
    def _zone(self) -> str:
        """The beginning of the names of this location's zones."""
        return f"{self.host}{self.path.rstrip('/')}"

    @property
    def _missing(self) -> str:
        """The location that requests a missing file from the service."""
        return f"@missing{self.path}"

    @property
    def _straight(self) -> str:
        """The location that requests a page from the service without the page cache."""
        return f"@straight{self.path}"

    def _denied(self) -> Iterator[str]:
        for pattern in self.entry.get("deny", ()):
            denied = ".*".join(re.escape(part) for part in f"{self.path}{pattern}".split("*"))
            yield block(f'location ~ "(?s)^{denied}$"', ["return 404;"])

    def _files(self) -> Iterator[str]:
        kind, internal = "static" if self.entry.get("static") else "uploaded", self.entry.get("internal")
        if internal:
            yield "internal;"
        yield f"alias {self.entry['files']}/;"
        yield f"disable_symlinks on from={self.entry['files']}; # no other file that Nginx can read"
        yield f"include snippets/{kind}-files.conf;"
        # The application names the type of an internal file, such as a PDF, which a browser shows in no sandbox.
        yield f"set $policy {'application' if kind == 'static' or internal else 'files'};"
        if self.entry.get("immutable"):
            yield 'set $cache_control "public, max-age=31536000, immutable";'
        elif not internal:  # the application's own answer has the header then
            yield "set $cache_control $static_cache_control;"
        if "service" in self.entry:
            yield f"try_files $uri {self._missing};"

    def _forwarded(self) -> Iterator[str]:
        prefix, forward, snippet = _PROTOCOLS[self.entry.get("protocol", "http")]
        problem = self.entry.get("errors") == "problem"
        yield f"set $place {self.entry['service']};"
        yield f'set $policy "{POLICIES[self.entry.get("security_headers")]}";'
        if "files" in self.entry:
            yield 'set $cache_control ""; # the service decides'
        yield from self._limited()
        if "largest_body" in self.entry:
            yield f"client_max_body_size {self.entry['largest_body']};"
        if self.entry.get("websocket"):
            yield "set $websocket on;"
        if timeout := self.entry.get("timeout", "1h" if self.entry.get("websocket") else ""):
            yield f"{prefix}_read_timeout {timeout}; # longer silence is a fault"
        unavailable = f"/pages/503.{'problem' if problem else 'html'}"
        if self.entry.get("cache"):
            yield from self._with_page_cache("problem" if problem else "html")
        else:
            yield f"{forward};"
            yield f"include snippets/{snippet}.conf;"
            yield from self._cached(prefix)
            yield f"error_page 502 504 =503 {unavailable};"
        yield f"error_page 413 /pages/413.{'problem' if problem else '$refused_as'};"
        yield f"error_page 429 /pages/429.{'problem' if problem else '$refused_as'};"

    def _limited(self) -> Iterator[str]:
        """Yield the limits of one visitor that this location has in place of the usual ones."""
        yield from self._limited_writes()
        if number := self.entry.get("connections"):
            yield f"limit_conn {self._zone}/connections {number};"

    def _limited_writes(self) -> Iterator[str]:
        if writes := self.entry.get("writes"):
            burst = f" burst={writes['burst']}" if writes.get("burst") else ""
            yield f"limit_req zone={self._zone}/writes{burst} nodelay;"

    def _with_page_cache(self, form: str) -> Iterator[str]:
        """Yield what sends requests through the page cache; ``form`` is that of Nginx's own answers."""
        yield f'set $page_languages "{" ".join(self.entry.get("languages", ()))}";'
        yield f'set $page_language_cookie "{self.entry.get("language_cookie", "")}";'
        yield f"set $page_form {form};"
        # Without a decision to the contrary, a request goes straight to the service.
        yield "set $page_zone off;"
        yield 'set $page_key "";'
        yield 'set $page_language "";'
        yield "set $page_source $place;"
        yield "include snippets/page-cache.conf;"
        yield "include snippets/proxy-headers.conf;"
        yield f"error_page 502 = {self._straight};"
        yield f"error_page 504 =503 /pages/503.{form};"
        yield "recursive_error_pages on;"

    def _cached(self, prefix: str) -> Iterator[str]:
        """Yield the cache of the service's answers: files for a week, pages for a moment."""
        if self.entry.get("static"):
            yield f"{prefix}_cache static;"
            yield f"{prefix}_cache_valid 200 7d;"
            yield f"{prefix}_cache_key $host$uri$http_accept_encoding;"
            yield f"{prefix}_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;"
        elif "fresh" in self.entry:
            yield f"{prefix}_cache pages;"
            yield f"{prefix}_cache_valid 200 {self.entry['fresh']};"
            yield f"{prefix}_cache_key $scheme$host$request_uri;"
            yield f"{prefix}_cache_bypass $http_cookie $http_authorization; # an answer for this visitor alone"
            yield f"{prefix}_no_cache $http_cookie $http_authorization;"
            yield f"{prefix}_cache_use_stale updating;"
            yield f"{prefix}_cache_background_update on;"
        else:
            return
        yield f"{prefix}_cache_lock on;"
        # A cached answer contains the id of the request that it was made for.
        yield f"{prefix}_hide_header X-Request-ID;"
