"""Nobody runs code through uWSGI: not an intruder in Nginx's container, and not a visitor."""

from __future__ import annotations

from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.site import TIMEOUT
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

#: The API's own port, and one of a uWSGI that takes packets of the uwsgi protocol, to show that the attacks are real.
PORT, ATTACKED = 8000, 3099
PID = "/tmp/attacked.pid"  # noqa: S108 - in a container
#: A WSGI application in Python's own library, and the first words of its answer.
DEMO, GREETING = ("wsgiref.simple_server", "demo_app"), "Hello world!"
#: Sends bytes from a container without Python, and prints the answer: HOST PORT SECONDS BYTES (as printf writes them).
SEND = 'trap "" PIPE; exec 3<>"/dev/tcp/$0/$1" || exit 0; printf "$3" >&3; timeout "$2" cat <&3 | tr -d "\\0"'


def packet(**variables: str) -> str:
    """Return a packet of the uwsgi protocol, as printf writes it, with an end that is also one of HTTP's headers."""
    common = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/healthz", "PATH_INFO": "/healthz", "SERVER_NAME": "a"}
    body = b""
    for text in (each for pair in {**common, **variables}.items() for each in pair):
        body += len(text).to_bytes(2, "little") + text.encode()
    raw = b"\0" + len(body).to_bytes(2, "little") + b"\0" + body + b"\r\n\r\n"
    return "".join(f"\\x{byte:02x}" for byte in raw)


def attacks(mark: str) -> Iterator[str]:
    """Yield packets, most of which leave a file that begins with the mark where they work; one is greeted."""
    for number, app in enumerate(({}, {"UWSGI_APPID": f"/{token_hex(4)}"}, {"SCRIPT_NAME": f"/{token_hex(4)}"})):
        yield packet(UWSGI_FILE=f"exec://touch {mark}-exec-{number}", **app)
        yield packet(UWSGI_FILE=f"{mark}.py", **app)
    mount = f"/{token_hex(4)}"
    module, callable_ = DEMO
    yield packet(UWSGI_MODULE=module, UWSGI_CALLABLE=callable_, UWSGI_APPID=mount, SCRIPT_NAME=mount)


@contextmanager
def marked(stack: Stack, service: str) -> Iterator[str]:
    """Yield a path in a container; the file with this path and ``.py`` makes another one, ``-file``, when it is run."""
    mark = f"/tmp/attack-{token_hex(4)}"  # noqa: S108 - in a container, under a name that nobody else has
    code = f'open("{mark}-file", "w"); application = None'
    stack.execute(service, "sh", "-c", f"printf '%s' '{code}' >{mark}.py")
    try:
        yield mark
    finally:
        stack.execute(service, "sh", "-c", f"rm -f {mark}*")


def effects(stack: Stack, service: str, port: int) -> set[str]:
    """Send all attacks from Nginx's container, and return what came of them."""
    seconds = str(int(2 * PATIENCE))
    with marked(stack, service) as mark:
        answers = [
            stack.execute("nginx", "bash", "-c", SEND, service, str(port), seconds, attack) for attack in attacks(mark)
        ]
        files = stack.execute(service, "sh", "-c", f"ls {mark}-* 2>/dev/null || true").split()
    found = {name.removeprefix(f"{mark}-").partition("-")[0] for name in files}
    return found | {"module" for answer in answers if GREETING in answer}


@pytest.fixture
def unsafe(stack: Stack) -> Iterator[None]:
    """Have a uWSGI with a port of the uwsgi protocol in the API's container."""
    command = ("uwsgi", f"--socket=:{ATTACKED}", "--die-on-term", f"--pidfile={PID}")
    stack.compose("exec", "--detach", "api-flask", *command)
    try:
        probe = ("nginx", "bash", "-c", f"exec 3<>/dev/tcp/api-flask/{ATTACKED} && echo there || true")
        wait_until(lambda: "there" in stack.execute(*probe), 30, "the port is open")
        yield
    finally:
        stack.execute("api-flask", "sh", "-c", f"kill $(cat {PID}); rm {PID}")


@pytest.mark.usefixtures("unsafe")
def test_the_attacks_run_code_where_uwsgi_takes_packets(stack: Stack) -> None:
    assert effects(stack, "api-flask", ATTACKED) == {"exec", "file", "module"}


@pytest.mark.parametrize("service", ["api-flask", "api-uploads"])
def test_a_packet_from_nginx_s_place_does_nothing_at_the_api(stack: Stack, service: str) -> None:
    assert effects(stack, service, PORT) == set()


@pytest.mark.parametrize("name", ["UWSGI_FILE", "UWSGI-FILE", "Script-Name", "UWSGI-APPID"])
def test_a_visitor_s_header_runs_nothing_at_the_api(stack: Stack, name: str) -> None:
    with marked(stack, "api-flask") as mark:
        for value in (f"exec://touch {mark}-exec", f"{mark}.py"):
            headers = {name: value}
            assert requests.get(f"{stack.http_url}/api/v1/ping", headers=headers, timeout=TIMEOUT).ok

        assert not stack.execute("api-flask", "sh", "-c", f"ls {mark}-* 2>/dev/null || true")
