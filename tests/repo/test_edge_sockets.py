"""The host's sockets go from one Nginx to the next: no visitor is refused in between, and none waits for ever.

The packets of QUIC are those of one Nginx until it has ended.
"""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest

from tests.support.sockets import TAKE, handed_out
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: A server that answers visitors with a word, and ends at the end of its input.
SERVER = """
import os, select, socket, sys
numbers = [int(number) for number in os.environ["NGINX"].split(";") if number]
sockets = [socket.socket(fileno=number) for number in numbers]
print(len(sockets), any(map(os.get_blocking, numbers)), flush=True)
while True:
    found = select.select([sys.stdin, *sockets], [], [])[0]
    if sys.stdin in found:
        break
    for each in found:
        try:
            visitor, _ = each.accept()
        except BlockingIOError:  # another server accepted it
            continue
        visitor.sendall(sys.argv[1].encode())
        visitor.close()
"""

#: The same for packets: it answers each with the packet, the word, and the number of the socket that got it.
PACKETS = """
import os, select, socket, sys
numbers = [int(number) for number in os.environ["NGINX"].split(";") if number]
sockets = [socket.socket(fileno=number) for number in numbers]
packets = [each for each in sockets if each.type == socket.SOCK_DGRAM]
print(len(packets), os.environ["EDGE_QUIC"] == "true", flush=True)
while True:
    found = select.select([sys.stdin, *packets], [], [])[0]
    if sys.stdin in found:
        break
    for each in found:
        try:
            asked, visitor = each.recvfrom(9)
        except BlockingIOError:
            continue
        each.sendto(asked + f" {sys.argv[1]} {packets.index(each)}".encode(), visitor)
"""


#: Seconds until a packet counts as lost: no server, or one that has just ended, reads its socket.
ANSWER = 0.5


@pytest.fixture
def ports() -> Iterator[list[socket.socket]]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    yield sockets
    for each in sockets:
        each.close()


class Server:
    """A server instead of Nginx.

    Args:
        path: the socket at which the host's sockets are handed out.
        word: the server's answer.
        program: what it does.
    """

    def __init__(self, path: Path, word: str, program: str = SERVER) -> None:
        command = [str(TAKE), str(path), "python3", "-c", program, word]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        sockets, blocking = self.process.stdout.readline().split()
        self.sockets, self.blocking = int(sockets), blocking == "True"

    def end(self) -> None:
        self.process.communicate(timeout=PATIENCE * 20)


def visit(port: socket.socket) -> socket.socket:
    return socket.create_connection(port.getsockname(), timeout=PATIENCE * 20)


def answer(visitor: socket.socket) -> bytes:
    with visitor:
        return visitor.recv(9)


def refuses(port: socket.socket) -> bool:
    try:
        visit(port).close()
    except ConnectionRefusedError:
        return True
    return False


def test_each_server_gets_all_sockets(tmp_path: Path, ports: list[socket.socket]) -> None:
    path = tmp_path / "sockets"
    with handed_out(path, ports):
        server = Server(path, "one")
        assert server.sockets == len(ports)
        assert [answer(visit(port)) for port in ports] == [b"one"] * len(ports)
        server.end()


def test_no_socket_blocks_the_one_of_two_servers_that_comes_too_late_for_a_visitor(
    tmp_path: Path, ports: list[socket.socket]
) -> None:
    """Nginx expects inherited sockets not to block: otherwise its worker hung in accept() until the next visitor."""
    path = tmp_path / "sockets"
    for port in ports:
        port.settimeout(None)  # systemd's default
    with handed_out(path, ports):
        old, new = Server(path, "old"), Server(path, "new")
        assert [old.blocking, new.blocking] == [False, False]
        assert answer(visit(ports[0])) in {b"old", b"new"}
        old.end()
        new.end()


def test_a_visitor_between_two_servers_waits_for_the_next(tmp_path: Path, ports: list[socket.socket]) -> None:
    path = tmp_path / "sockets"
    with handed_out(path, ports):
        Server(path, "one").end()
        visitor = visit(ports[0])
        server = Server(path, "two")
        assert answer(visitor) == b"two"
        server.end()


def test_the_end_of_the_old_server_beside_the_new_one_costs_nobody(tmp_path: Path, ports: list[socket.socket]) -> None:
    path = tmp_path / "sockets"
    with handed_out(path, ports, patience=0.1):
        old, new = Server(path, "old"), Server(path, "new")
        visitors = [visit(ports[0]) for _ in range(20)]
        old.end()
        visitors += [visit(ports[0]) for _ in range(20)]
        assert {answer(visitor) for visitor in visitors} <= {b"old", b"new"}
        new.end()


def test_without_a_server_for_long_visitors_are_refused_until_the_next(
    tmp_path: Path, ports: list[socket.socket]
) -> None:
    path = tmp_path / "sockets"
    with handed_out(path, ports, patience=0.1):
        Server(path, "one").end()
        wait_until(lambda: refuses(ports[0]), 20, "visitors to be refused")
        server = Server(path, "two")
        assert answer(visit(ports[0])) == b"two"
        server.end()


def test_the_program_that_hands_out_may_start_anew_while_a_server_runs(
    tmp_path: Path, ports: list[socket.socket]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with handed_out(first, ports):
        server = Server(first, "one")
    with handed_out(second, ports, patience=0.1):
        assert answer(visit(ports[0])) == b"one"
        server.end()


def test_a_host_without_sockets_is_told_by_name(tmp_path: Path) -> None:
    missing = tmp_path / "sockets"
    run = subprocess.run(
        [str(TAKE), str(missing), "true"], capture_output=True, text=True, timeout=PATIENCE * 20, check=False
    )
    assert run.returncode
    assert f"{missing}: No such file or directory: is landfast-edge.socket active on the host?" in run.stderr


def test_an_answer_without_sockets_is_no_start(tmp_path: Path) -> None:
    path = tmp_path / "sockets"
    with socket.socket(socket.AF_UNIX) as counter:
        counter.bind(str(path))
        counter.listen()
        with subprocess.Popen([str(TAKE), str(path), "true"], stderr=subprocess.PIPE, text=True) as program:
            with counter.accept()[0] as caller:
                caller.sendall(b"\0")
            assert program.stderr
            assert "passes no sockets" in program.stderr.read()
    assert program.returncode


@pytest.fixture(params=["127.0.0.1", "::1"])
def halves(request: pytest.FixtureRequest) -> Iterator[list[socket.socket]]:
    """Eight sockets of UDP at one address, as systemd binds them."""
    host = request.param
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sockets: list[socket.socket] = []
    for _ in range(8):
        each = socket.socket(family, socket.SOCK_DGRAM)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        each.bind((host, sockets[0].getsockname()[1] if sockets else 0))
        sockets.append(each)
    yield sockets
    for each in sockets:
        each.close()


def ask(sender: socket.socket) -> str:
    """Send a packet, again if no server takes it, and return the answer: the server's word and its socket's number."""
    answers: list[str] = []

    def answered() -> bool:
        token = token_hex(4)
        sender.send(token.encode())
        try:
            answer = sender.recv(99).decode()
        except TimeoutError:
            return False
        answers[:] = [answer.removeprefix(f"{token} ")]
        return answer.startswith(token)  # else the answer to a packet of before

    wait_until(answered, 20, "a server to take a packet")
    return answers[0]


@contextmanager
def senders(to: socket.socket, number: int) -> Iterator[list[socket.socket]]:
    """Yield visitors with a port each, who send packets."""
    with ExitStack() as opened:
        found = [opened.enter_context(socket.socket(to.family, socket.SOCK_DGRAM)) for _ in range(number)]
        for each in found:
            each.settimeout(ANSWER)
            each.connect(to.getsockname()[:2])
        yield found


def test_packets_of_a_visitor_go_to_one_process_of_the_server_that_serves(
    tmp_path: Path, ports: list[socket.socket], halves: list[socket.socket]
) -> None:
    path = tmp_path / "sockets"
    with handed_out(path, [*ports, *halves]), senders(halves[0], 40) as visitors:
        old = Server(path, "old", PACKETS)
        first = [ask(each) for each in visitors]
        new = Server(path, "new", PACKETS)

        assert old.sockets == new.sockets == min(4, os.cpu_count() or 1)
        assert [ask(each) for each in visitors] == first, "the new server beside it changes nothing"
        assert {answer.split()[0] for answer in first} == {"old"}
        assert len(set(first)) == old.sockets, "each process has its share"
        old.end()
        wait_until(lambda: ask(visitors[0]).startswith("new "), 20, "the new server to get the packets")
        assert {ask(each).split()[0] for each in visitors} == {"new"}
        new.end()


def test_packets_go_to_the_next_server_after_a_crash(
    tmp_path: Path, ports: list[socket.socket], halves: list[socket.socket]
) -> None:
    path = tmp_path / "sockets"
    with handed_out(path, [*ports, *halves]), senders(halves[0], 9) as visitors:
        for word in ("one", "two", "three"):
            server = Server(path, word, PACKETS)
            wait_until(lambda: ask(visitors[0]).startswith(word), 20, f"packets for {word}")  # noqa: B023 - at once
            assert {ask(each).split()[0] for each in visitors} == {word}
            server.process.kill()
            server.end()


def test_a_third_server_at_the_same_time_takes_no_packets(
    tmp_path: Path, ports: list[socket.socket], halves: list[socket.socket]
) -> None:
    path = tmp_path / "sockets"
    with handed_out(path, [*ports, *halves]):
        servers = [Server(path, word, PACKETS) for word in ("one", "two", "three")]
        assert [bool(server.sockets) for server in servers] == [True, True, False]
        for server in servers:
            server.end()
