"""An application that the house has never heard of gets what its contract says, and nothing else."""

from __future__ import annotations

import re
import socket
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.conftest import log_in_to_console
from tests.support.site import TIMEOUT
from tests.support.stack import docker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.site import Site
    from tests.support.stack import Stack

HOST = {"Host": "stub.localhost"}
#: Variables that Nginx makes for a service that speaks the uwsgi protocol (nginx/snippets/uwsgi-headers.conf).
UWSGI_VARIABLES = {
    *("REQUEST_METHOD", "REQUEST_URI", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH"),
    *("SERVER_PROTOCOL", "SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "UWSGI_SCHEME"),
}


def ask(stack: Stack, path: str) -> Any:  # noqa: ANN401 - what the stub answers
    return requests.get(f"{stack.http_url}{path}", headers=HOST, timeout=TIMEOUT).json()


def test_it_answers_at_its_own_host_name(lengthy: Stack) -> None:
    assert ask(lengthy, "/")["host"] == "stub.localhost"
    assert requests.get(f"{lengthy.http_url}/healthz", headers=HOST, timeout=TIMEOUT).text == "ok\n"
    assert "host" not in requests.get(f"{lengthy.http_url}/", timeout=TIMEOUT).text[:100]


def test_it_has_directives_of_its_own_for_nginx(lengthy: Stack) -> None:
    asked = f"{lengthy.http_url}/teapot"

    assert requests.get(asked, headers=HOST, timeout=TIMEOUT).status_code == HTTPStatus.IM_A_TEAPOT
    assert requests.get(asked, timeout=TIMEOUT).status_code == HTTPStatus.NOT_FOUND, "at this host name alone"


def test_its_name_is_in_the_local_certificate(lengthy: Stack) -> None:
    authority = lengthy.compose("run", "--rm", "--no-deps", "--no-TTY", "secrets", "show", "ca_certificate").stdout
    trusting = ssl.create_default_context(cadata=authority)
    with (
        socket.create_connection(("127.0.0.1", lengthy.ports.https), TIMEOUT) as connection,
        trusting.wrap_socket(connection, server_hostname="stub.localhost") as encrypted,
    ):
        certificate: Any = encrypted.getpeercert()
        names = {name for kind, name in certificate["subjectAltName"] if kind == "DNS"}

    assert names == {"localhost", "stub.localhost"}


def test_it_has_a_database_of_its_own(lengthy: Stack) -> None:
    assert ask(lengthy, "/database/stub") == {"row": ["stub", True]}


def test_it_cannot_enter_the_database_of_others(lengthy: Stack) -> None:
    assert "permission denied for database" in ask(lengthy, "/database/landfast")["error"]


def test_its_owner_cannot_lead_the_superuser_astray(lengthy: Stack) -> None:
    """Where names without a schema are looked for in a database, its owner decides."""

    def as_owner(*statements: str) -> None:
        connect = "import os, psycopg; psycopg.connect(os.environ['DATABASE_URL'], autocommit=True)"
        code = f"{connect}.execute({'; '.join(statements)!r})"
        lengthy.execute("stub", "sh", "/run/secrets/with-environment", "python", "-c", code)

    trap = "CREATE FUNCTION evil.format(text, text, text) RETURNS text RETURN 'ALTER ROLE stub SUPERUSER'"
    as_owner("CREATE SCHEMA evil", "GRANT USAGE ON SCHEMA evil TO PUBLIC", trap)
    as_owner("ALTER DATABASE stub SET search_path = evil, pg_catalog, public")
    try:
        lengthy.execute("postgres", "set-passwords")
        asked = "SELECT rolsuper FROM pg_roles WHERE rolname = 'stub'"
        assert lengthy.execute("postgres", "psql", "--tuples-only", "--no-align", "--command", asked).strip() == "f"
    finally:
        as_owner("ALTER DATABASE stub RESET search_path", "DROP SCHEMA evil CASCADE")


def test_it_has_a_vhost_of_its_own(lengthy: Stack) -> None:
    assert ask(lengthy, "/broker/stub") == {"received": ["hello"]}


def test_its_durable_tasks_are_in_its_database_and_reach_its_vhost(lengthy: Stack) -> None:
    task = ask(lengthy, "/durable/greetings")

    assert task == {"written": task["received"], "received": task["received"], "claimed": True, "completed": True}


def test_operators_see_its_dead_letters_in_the_console_and_redrive_them(
    lengthy: Stack, trusting: Callable[[Stack], Site]
) -> None:
    task = ask(lengthy, "/dead-letter/missed")["written"]
    operator = log_in_to_console(lengthy, trusting(lengthy))
    address = "/console/outbox/task/?database=stub&state=dead"

    page = operator.get(address).text
    assert task in page
    assert "ValueError: no such boat" in page
    assert re.search(r'database=stub&amp;state=dead"><b>[1-9]', page), "its dead letters are counted"
    assert operator.get(f"/console/outbox/task/?q={task}").headers["Location"].endswith("&database=stub")
    assert task in lengthy.execute("relay", "python", "-m", "landfast_outbox", "dead", "list", "--database=stub")

    sent = operator.submit(address, {"action": "redrive", "_selected_action": task})
    assert sent.status_code == HTTPStatus.FOUND
    assert ask(lengthy, "/consume/missed") == {"received": task, "claimed": True, "completed": True}
    assert task not in operator.get(address).text


def test_the_relay_counts_each_database_s_tasks(lengthy: Stack) -> None:
    page = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9100/metrics').read().decode())"
    metrics = lengthy.execute("relay", "python", "-c", page)

    assert {'outbox_database_up{database="landfast"} 1.0', 'outbox_database_up{database="stub"} 1.0'} < set(
        metrics.splitlines()
    )


def test_its_queues_are_of_the_type_that_its_contract_says(lengthy: Stack) -> None:
    listed = lengthy.execute("rabbitmq", "rabbitmqctl", "-q", "list_vhosts", "name", "default_queue_type").split()

    assert dict(zip(listed[::2], listed[1::2], strict=True)) == {
        "name": "default_queue_type",
        **dict.fromkeys(("landfast", "web", "api"), "quorum"),
        "stub": "classic",
    }


def test_it_cannot_enter_the_vhost_of_others(lengthy: Stack) -> None:
    assert "access to vhost 'landfast' refused" in ask(lengthy, "/broker/landfast")["error"]


def test_it_has_keys_of_its_own(lengthy: Stack) -> None:
    assert ask(lengthy, "/redis/stub:visits") == {"value": "hello"}


@pytest.mark.parametrize("key", ["visits", "web:visits", "celery-task-meta-visits"])
def test_it_cannot_use_the_keys_of_others(lengthy: Stack, key: str) -> None:
    assert "NoPermissionError" in ask(lengthy, f"/redis/{key}")["error"]


def test_its_variables_are_filled_in_and_nobody_outside_sees_them(lengthy: Stack) -> None:
    filled = ("sh", "/run/secrets/with-environment", "sh", "-c", 'echo "$GREETING"')
    greeting = lengthy.execute("stub", *filled).strip()

    assert re.fullmatch(r"it's \w{40} \$HOME", greeting)
    (container,) = lengthy.compose("ps", "--quiet", "stub").stdout.split()
    assert greeting.split()[1] not in docker("inspect", container)


def test_it_sees_no_other_service(lengthy: Stack) -> None:
    script = "getent hosts redis-cache || getent hosts web-django || getent hosts relay || echo nobody"

    assert lengthy.execute("stub", "sh", "-c", script).strip() == "nobody"


def number(stack: Stack, **headers: str) -> int:
    """Return the number of the answer to a request for a page that its contract calls fresh for a second."""
    answer = requests.get(f"{stack.http_url}/fresh/page", headers={**HOST, **headers}, timeout=TIMEOUT)
    return int(answer.json()["number"])


def test_a_page_is_shown_to_many_while_it_is_fresh_and_renewed_afterwards(lengthy: Stack) -> None:
    wait_until(lambda: number(lengthy) == number(lengthy), 20, "two requests to get the same answer")

    shown = number(lengthy)
    wait_until(lambda: number(lengthy) > shown, 20, "a newer answer")


@pytest.mark.parametrize("header", ["Cookie", "Authorization"])
def test_a_page_for_one_visitor_is_neither_kept_nor_answered_with_another_s(lengthy: Stack, header: str) -> None:
    own = [number(lengthy, **{header: "mine=1"}) for _ in range(3)]

    assert len(set(own)) == 3
    assert number(lengthy) not in own


def test_its_files_run_no_script_in_the_site_s_name_and_some_are_denied(lengthy: Stack) -> None:
    page, denied = (
        requests.get(f"{lengthy.http_url}/files/{name}", headers=HOST, timeout=TIMEOUT)
        for name in ("page.html", "%70rivate/list.txt")
    )

    assert (page.status_code, page.headers["Content-Type"]) == (HTTPStatus.OK, "application/octet-stream")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert denied.status_code == HTTPStatus.NOT_FOUND


def test_some_of_its_files_are_for_those_whom_it_sends_there(lengthy: Stack) -> None:
    sent, straight = (
        requests.get(f"{lengthy.http_url}/{path}/list.txt", headers=HOST, timeout=20)
        for path in ("hand-out", "handed-out")
    )

    assert (sent.text, sent.headers["Cache-Control"]) == ("not for visitors\n", "private")
    assert straight.status_code == HTTPStatus.NOT_FOUND


def test_its_periodic_command_runs_again_and_again_until_it_is_stopped(lengthy: Stack) -> None:
    def runs() -> list[str]:
        return lengthy.execute("stub-periodic", "cat", "/tmp/runs").splitlines()  # noqa: S108 - in its container

    wait_until(lambda: len(runs()) > 1, 20, "a second run")
    assert len(runs()[0]) == 40, "the secret that is its variable"
    lengthy.execute("stub-periodic", "sh", "/run/secrets/periodically", "--health")
    lengthy.stop("stub-periodic")
    ended = lengthy.inspect("stub-periodic")["State"]["ExitCode"]
    lengthy.start("stub-periodic")

    assert ended == 0, "it was killed"


@pytest.mark.parametrize(
    ("size", "status"), [(5 << 20, HTTPStatus.OK), ((5 << 20) + 1, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)]
)
def test_it_takes_bodies_up_to_what_its_contract_says(lengthy: Stack, size: int, status: HTTPStatus) -> None:
    answer = requests.post(f"{lengthy.http_url}/upload/", data=b"x" * size, headers=HOST, timeout=TIMEOUT)

    assert answer.status_code == status
    if status == HTTPStatus.OK:
        assert answer.json() == {"bytes": size}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    else:
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_its_connections_become_websockets(lengthy: Stack) -> None:
    ask_for = (
        "GET / HTTP/1.1\r\nHost: stub.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", lengthy.ports.http), TIMEOUT) as connection:
        connection.sendall(ask_for.encode())
        said = b""
        while not said.endswith(b"hello") and (part := connection.recv(4096)):
            said += part

    assert said.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in said  # RFC 6455, section 1.3


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("a=1; console_session=opens; b=2", "a=1; b=2"),
        ("console_session=opens", None),
        ("console_session=old; a=1; console_session=opens", "console_session=old; a=1; "),
        ("my_console_session=1", "my_console_session=1"),
    ],
)
def test_no_application_sees_the_session_of_an_operator(lengthy: Stack, sent: str, seen: str | None) -> None:
    answer = requests.get(f"{lengthy.http_url}/", headers={**HOST, "Cookie": sent}, timeout=TIMEOUT)

    assert answer.json()["cookie"] == seen


def test_no_other_protocol_is_handed_on(lengthy: Stack) -> None:
    answer = requests.get(
        f"{lengthy.http_url}/", headers={**HOST, "Connection": "Upgrade", "Upgrade": "h2c"}, timeout=TIMEOUT
    )

    assert answer.json()["upgrade"] is None


def test_no_header_of_a_visitor_becomes_a_variable_of_uwsgi_s_own(lengthy: Stack) -> None:
    names = ["UWSGI_FILE", "UWSGI-FILE", "uwsgi_module", "Script-Name", "SCRIPT_NAME", "UWSGI_APPID", "Uwsgi-Setenv"]
    headers = {**HOST, **dict.fromkeys(names, "exec://false")}
    query = "&".join(f"{name}=exec://false" for name in names)

    seen = requests.get(f"{lengthy.http_url}/uwsgi/UWSGI_FILE?{query}", headers=headers, timeout=TIMEOUT).json()

    assert {"REQUEST_METHOD", "HTTP_HOST", "HTTP_UWSGI_FILE", "HTTP_SCRIPT_NAME"} <= seen.keys(), "it looks at all"
    assert {name for name in seen if not name.startswith("HTTP_")} <= UWSGI_VARIABLES
    assert seen["UWSGI_SCHEME"] == "http"
