"""Uploads below a path of a contract: Nginx forwards their bodies as they arrive, and refuses strangers before that.

Such a body occupies a thread of the service for as long as its sender takes. So Nginx asks the application whether the
sender may upload, in a request of its own that has the same headers and no body; a refusal needs no thread of the lane
for uploads. Only then the sender counts, and one address has a few uploads at most. Requests with other methods are
buffered as everywhere else: a slow sender of one of those would occupy a thread, too.
Nginx's own refusals are problem documents, as few senders are people.
https://nginx.org/en/docs/http/ngx_http_auth_request_module.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: The uploads that one address may send at the same time, unless the contract says otherwise.
AT_ONCE = 2

#: Sub-requests by protocol: a GET of another page, with the headers of the request, and without its body.
_ASK = {
    "http": (
        "proxy_method GET;",
        "proxy_pass_request_body off;",
        "proxy_pass http://$place{page};",
        "include snippets/proxy-headers.conf;",
        'proxy_set_header Content-Length "";',
    ),
    "uwsgi": ("uwsgi_pass $place;", "include snippets/uwsgi-page.conf;"),
}


def divided(path: str, uploads: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the location itself, which only divides its requests by method.

    Args:
        path: the path of the location.
        uploads: the entry in the contract.
    """
    yield f"client_max_body_size {uploads['largest_body']}; # Nginx compares it before anything else"
    yield "recursive_error_pages on;"
    yield f"error_page 413 @too-large{path};"
    yield f"error_page 418 = @uploads{path};"
    yield f"error_page 420 = @others{path};"
    yield "if ($is_upload) { return 418; } # no visitor sees these numbers"
    yield "if ($other_body) { return 413; }"
    yield "return 420;"


def asked(path: str, entry: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    """Return head and lines of the location that asks the application for its permission."""
    page, _, query = entry["uploads"]["permission"].partition("?")
    lines = [
        "internal;",
        "client_max_body_size 0; # it does not get the body",
        "limit_conn unlimited 1; # or Nginx would count the upload here, and no more where it has a limit",
        f"set $place {entry['service']};",
    ]
    protocol = entry.get("protocol", "http")
    if protocol == "uwsgi":
        lines += [f"set $asked_page {page};", f'set $asked_query "{query}";']
    lines += [line.replace("{page}", entry["uploads"]["permission"]) for line in _ASK[protocol]]
    return f"location = {_question(path)}", lines


def refused(path: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the location that refuses senders without a permission."""
    yield "if ($upload_without_length) { return 411; }"
    yield "limit_conn unlimited 1; # a refused sender does not count"
    yield f"auth_request {_question(path)};"
    yield "error_page 401 /pages/401.problem;"
    yield "error_page 403 /pages/403.problem;"
    yield "error_page 411 /pages/411.problem;"
    yield "error_page 429 /pages/429.problem;"
    yield f"error_page 500 502 503 504 =503 /pages/503.{'problem' if entry.get('errors') == 'problem' else 'html'};"
    yield f"try_files /permitted @permitted{path}; # there is no such file"


def forwarded(prefix: str, uploads: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that forward an upload, in addition to those of every forwarded request.

    Args:
        prefix: the prefix of the protocol's directives.
        uploads: the entry in the contract.
    """
    if "permission" not in uploads:
        yield "if ($upload_without_length) { return 411; }"
        yield "error_page 411 /pages/411.problem;"
    yield f"{prefix}_request_buffering off;"
    yield f"client_max_body_size {uploads['largest_body']};"
    yield f"limit_conn uploads {uploads.get('at_once', AT_ONCE)};"
    yield "error_page 429 /pages/429-upload.problem;"


def too_large(uploads: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the location that tells a sender how large a body may be."""
    yield "lingering_close always;"
    yield "default_type application/problem+json;"
    detail = f"a file may have at most {words(uploads['largest_body'])}, and other requests no body"
    problem = {"type": "about:blank", "title": "Content Too Large", "status": 413, "detail": detail}
    yield f"return 413 '{json.dumps(problem)}';"


def words(size: str) -> str:
    """Return a size of Nginx in words: ``200 MB (209715200 bytes)``."""
    found = re.fullmatch(r"(\d+)([kmg]?)", size)
    assert found  # noqa: S101 - the schema has checked it
    number, unit = int(found[1]), found[2]
    factor = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[unit]
    return f"{number} {unit.upper()}B ({number * factor} bytes)" if unit else f"{number} bytes"


def _question(path: str) -> str:
    """Return the address at which Nginx asks for the permission; nobody outside can request it."""
    return f"/internal/uploads{path}"
