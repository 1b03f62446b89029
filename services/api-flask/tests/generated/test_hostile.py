"""Hostile requests: none of them gets a response that blames the server.

Schemathesis (``test_document.py``) sends only what a well-behaved client can send; these cases contain NUL, lone
surrogates, depth, huge numbers and odd charsets. They are the same in every run. Each finding becomes a test beside the
code that it breaks.
"""

from __future__ import annotations

import csv
import io
import json
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import pytest
from api.datasets.columns import parse
from api.datasets.loading import load
from api.datasets.streams import Stream
from api.reports.running import run_report
from api.uploads import Uploads
from hypothesis import given
from hypothesis import strategies as st
from landfast_testing import hostile
from sqlalchemy.orm import Session

from tests.conftest import owner_of
from tests.hostile import check, send

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flask import Flask
    from hypothesis.strategies import SearchStrategy
    from sqlalchemy import Engine

JSON, JSON_API = "application/json", "application/vnd.api+json"
KINDS = (JSON, JSON_API, "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
CSV = ("text/csv", "application/csv")
FORM = "multipart/form-data; boundary=x"
DATASETS = "/api/v1/datasets/"

FILE = b"day,city,amount\n2026-01-31,Riga,1.50\n2026-02-01,Oslo,2\n"
COLUMNS = "day:date,city:text,amount:number"
TABLES: dict[str, dict[str, Any]] = {
    "units": {"symbol": "km", "name": "Kilometre", "quantity": "length", "factor": 1000},
    "labels": {"name": "dues", "note": "What ships pay"},
}
READS = (
    "units", "labels", "datasets/", "reports/", "datasets/{dataset}", "datasets/{dataset}/rows", "reports/{report}",
    "reports/{report}/result", "reports/{report}/result.csv", "reports/{report}/chart.png", "tasks/{report}", "ping",
)  # fmt: skip
PARAMETERS = (
    "page[number]", "page[size]", "sort", "filter[symbol]", "filter[name]", "filter[note]", "filter[quantity]",
    "offset", "limit", "name", "columns", "engine",
)  # fmt: skip
HEADERS = (
    "HTTP_ACCEPT", "HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_HOST", "HTTP_IDEMPOTENCY_KEY", "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_RANGE", "HTTP_ORIGIN", "HTTP_RANGE", "HTTP_X_REQUEST_ID", "CONTENT_LENGTH",
)  # fmt: skip

#: Encodings of whole files: Python's own, those with changing states, and those without recognisable line ends.
CHARSETS = (
    *hostile.CHARSETS, "utf-16-be", "utf-32", "utf-7", "hz", "iso2022_jp", "shift_jis", "gb18030", "koi8-r", "cp1252",
    "punycode", "raw_unicode_escape", "hex", "uu", "zlib", "mbcs", "a\0b",
)  # fmt: skip


@pytest.fixture
def headers(make_key: Callable[..., str]) -> dict[str, str]:
    """The header of a key with all scopes and without a rate limit."""
    return {"HTTP_AUTHORIZATION": f"Bearer {make_key(requests_per_minute=1_000_000)}"}


@pytest.fixture
def ids(app: Flask, engine: Engine, headers: dict[str, str]) -> dict[str, str]:
    """A dataset, and a finished report about it."""
    with Session(engine) as session, session.begin():
        owner = owner_of(engine, headers["HTTP_AUTHORIZATION"])
        dataset = str(load(session, Stream([FILE]), owner=owner, name="harbours", columns=parse(COLUMNS)).id)
    body = f'{{"dataset": "{dataset}", "group_by": "city"}}'.encode()
    answer = send(app, "POST", "/api/v1/reports/", body, content_type=JSON, headers=headers)
    report: str = answer.json["id"]
    run_report(report, engine)
    return {"dataset": dataset, "report": report}


def test_no_route_that_reads_a_body_is_left_out(app: Flask) -> None:
    found = {rule.endpoint for rule in app.url_map.iter_rules() if {"POST", "PUT", "PATCH"} & (rule.methods or set())}
    tables = {f"{table}.{name}" for table in TABLES for name in ("create", "change")}
    assert found == {"tasks.add_numbers", "reports.create", "reports.cancel", "datasets.upload", *tables}


def test_it_refuses_every_json_body_that_it_cannot_store(
    app: Flask, headers: dict[str, str], ids: dict[str, str]
) -> None:
    writes: list[tuple[str, str, str, dict[str, Any]]] = [
        ("POST", "/api/v1/tasks/add", JSON, {"x": 4, "y": 4}),
        ("POST", "/api/v1/reports/", JSON, {"dataset": ids["dataset"], "group_by": "day", "value": "amount",
                                            "measure": "sum", "period": "month"}),
        ("POST", f"/api/v1/reports/{ids['report']}/cancel", JSON, {"reason": "none is read"}),
    ]  # fmt: skip
    rows: dict[str, str] = {}
    for table, values in TABLES.items():
        data = {"data": {"type": table, "attributes": values}}
        made = send(app, "POST", f"/api/v1/{table}", as_json(data), content_type=JSON_API, headers=headers)
        rows[table] = made.json["data"]["id"]

    @hostile.bounded(400)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        def table(method: str, name: str) -> tuple[str, str, str, SearchStrategy[Any]]:
            known = {"id": rows[name]} if method == "PATCH" else {}
            path = f"/api/v1/{name}/{rows[name]}" if known else f"/api/v1/{name}"
            attributes = hostile.objects(TABLES[name])
            good = attributes.map(lambda found: {"data": {"type": name, **known, "attributes": found}})
            whole = hostile.objects({"type": name, **known, "attributes": TABLES[name]})
            documents = good | whole.map(lambda found: {"data": found}) | hostile.objects({"data": {}})
            return method, path, JSON_API, documents

        plain = [(method, path, kind, hostile.objects(good)) for method, path, kind, good in writes]
        method, path, kind, documents = data.draw(
            st.sampled_from([*plain, *(table(method, name) for method in ("POST", "PATCH") for name in TABLES)])
        )
        body = data.draw(hostile.bodies(documents))
        content_type = data.draw(st.just(kind) | hostile.content_types((kind, *KINDS)))
        query = data.draw(st.just("") | hostile.queries(PARAMETERS))
        check(send(app, method, path, body, query=query, content_type=content_type, headers=headers))

    run()
    for table in TABLES:  # accepted data can be read
        listed = send(app, "GET", f"/api/v1/{table}", query="page[size]=100", headers=headers)
        assert check(listed).status == 200


def test_it_refuses_every_query_that_means_nothing(app: Flask, headers: dict[str, str], ids: dict[str, str]) -> None:
    @hostile.bounded(200)
    @given(st.sampled_from(READS), hostile.queries(PARAMETERS), st.booleans())
    def run(path: str, query: str, known: bool) -> None:  # noqa: FBT001 - passed by hypothesis
        where = f"/api/v1/{path.format(**ids)}"
        check(send(app, "GET", where, query=query, headers=headers if known else {}))

    run()


def test_it_stands_whatever_its_addresses_and_headers_say(
    app: Flask, headers: dict[str, str], ids: dict[str, str]
) -> None:
    prefixes = ("/", "/api/", "/api/docs/", "/api/openapi.json", "/api/reports/", "/api/v1/", "/api/v1/units/")

    @hostile.bounded(300)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        text = unquote_to_bytes(hostile.encoded(data.draw(hostile.texts()))).decode(errors="surrogateescape")
        path = data.draw(
            st.sampled_from(prefixes).map(lambda prefix: prefix + text)
            | st.sampled_from(READS).map(lambda found: f"/api/v1/{found.format(**ids)}")
        )
        method = data.draw(st.sampled_from(["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "X"]))
        if method == "DELETE" and any(found in path for found in ids.values()):
            method = "GET"  # the next case needs it too
        body = data.draw(st.sampled_from(hostile.BODIES))
        odd = data.draw(st.dictionaries(st.sampled_from(HEADERS), hostile.header_values(), max_size=3))
        content_type = data.draw(st.just("") | hostile.content_types(KINDS))
        check(send(app, method, path, body, content_type=content_type, headers={**headers, **odd}))

    run()


def test_it_takes_no_file_that_it_cannot_read_again(app: Flask, headers: dict[str, str], engine: Engine) -> None:
    lane = Uploads(app, lambda: lambda: None)
    cells = hostile.texts() | st.sampled_from(["1", "0.5", "Riga", "$x$", "=1", "2026-01-31", "\u202e", "\x1b$B"])
    numbers = st.sampled_from(["1", "-0", ".5", "9" * 18, "0." + "9" * 12, "1e9", "NaN", "٣", " 7 "]) | hostile.texts()
    lines = st.lists(st.lists(cells, max_size=3) | st.tuples(cells, numbers), max_size=4)
    declared = st.just("city:text,amount:number") | st.sampled_from(
        ["city:text?,amount:integer?", "city:date,amount:text", "a:text", "x", ":", "a:number," * 60, "a:text,A:text"]
    ) | hostile.texts()  # fmt: skip

    taken = 0

    @hostile.bounded(400)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        nonlocal taken
        # One part is hostile, or all are, or none is: a file that is refused for its columns does not test its rows.
        part = data.draw(st.sampled_from(["none", "charset", "rows", "file", "columns", "name", "all"]))
        charset = data.draw(st.sampled_from(CHARSETS)) if part in {"charset", "all"} else "utf-8"
        rows = data.draw(lines) if part in {"rows", "charset"} else [("Riga", "1.50"), ("Oslo", "2")]
        file = as_csv([("city", "amount"), *rows], charset)
        if part in {"file", "all"}:
            file = data.draw(st.sampled_from(hostile.BODIES) | st.binary(max_size=40))
        columns = data.draw(declared) if part in {"columns", "all"} else "city:text,amount:number"
        name = data.draw(hostile.texts()) if part in {"name", "all"} else "tides"
        content_type = f"{data.draw(st.sampled_from(CSV))}; charset={charset}"
        if data.draw(st.booleans()):
            sent = send(
                lane, "POST", DATASETS, file, content_type=content_type, headers=headers,
                query=f"columns={hostile.encoded(columns)}&name={hostile.encoded(name)}",
            )  # fmt: skip
        else:
            fields = {"columns": columns, "name": name}
            body = form(fields, file, data.draw(hostile.texts()), content_type, data.draw(st.integers(0, 60)))
            sent = send(lane, "POST", DATASETS, body, content_type=FORM, headers=headers)
        if check(sent).status == 201:
            see_it_again(app, engine, headers, sent.json)
            taken += 1

    run()
    assert taken > 20 // hostile.SHARE, "enough of them are files, or nothing is shown"
    assert check(send(app, "GET", "/api/v1/datasets/", query="limit=100", headers=headers)).status == 200


def see_it_again(app: Flask, engine: Engine, headers: dict[str, str], dataset: dict[str, Any]) -> None:
    """Read an accepted dataset by every route."""
    where = f"{DATASETS}{dataset['id']}"
    for path in (where, f"{where}/rows"):
        assert check(send(app, "GET", path, headers=headers)).status == 200
    wanted = {"dataset": dataset["id"], "group_by": dataset["columns"][0]["name"]}
    asked = send(app, "POST", "/api/v1/reports/", as_json(wanted), content_type=JSON, headers=headers)
    assert check(asked).status == 202
    report = f"/api/v1/reports/{asked.json['id']}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # matplotlib has no glyph for a character
        run_report(asked.json["id"], engine)
    for path in (report, f"{report}/result", f"{report}/result.csv", f"{report}/chart.png"):
        assert check(send(app, "GET", path, headers=headers)).status == 200


def as_json(document: object) -> bytes:
    """Return a document as a body."""
    return json.dumps(document).encode()


def as_csv(rows: Iterable[Iterable[str]], charset: str) -> bytes:
    """Return rows in an encoding; in UTF-8 if the encoding is invalid or cannot encode them."""
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    try:
        return written.getvalue().encode(charset, "surrogatepass")
    except (LookupError, ValueError):
        return written.getvalue().encode(errors="surrogatepass")


def form(fields: dict[str, str], file: bytes, filename: str, content_type: str, cut: int) -> bytes:
    """Return a form with a file, some of whose last bytes may be missing."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
    text = f"{''.join(parts)}{head}Content-Type: {content_type}\r\n\r\n"
    body = text.encode(errors="surrogatepass") + file + b"\r\n--x--\r\n"
    return body if cut > 20 else body[: len(body) - cut]
