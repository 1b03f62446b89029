"""Clients for HTTP/1.1, HTTP/2 and HTTP/3 that send what a test says, also half a request."""

from __future__ import annotations

import json
import socket
import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h2.connection
import h2.events
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, StreamReset

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Seconds for an answer on an idle reference machine.
TIMEOUT = PATIENCE * 20
HOST = "localhost"

Headers = list[tuple[bytes, bytes]]


class ConnectionEndedError(Exception):
    """The server ended the connection, or the request, without an answer."""


@dataclass
class Answer:
    """An answer, complete once ``ended`` is set."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False

    def take(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Read the headers of the answer."""
        found = [(name.decode(), value.decode()) for name, value in headers]
        self.headers = {name: value for name, value in found if not name.startswith(":")}
        self.status = int(dict(found)[":status"])

    def json(self) -> Any:  # noqa: ANN401 - any document
        """Return the document in the body."""
        return json.loads(self.body)


class Client:
    """A connection for several requests.

    Args:
        port: the port of HTTPS, on loopback.
        authority: the certificate of the trusted authority, in PEM.
        address: the address.
        host: the requested host.
    """

    def __init__(self, port: int, authority: str, address: str = "127.0.0.1", host: str = HOST) -> None:
        self.port, self.authority, self.address, self.host = port, authority, address, host
        self.answers: dict[int, Answer] = {}
        self.connect()

    def connect(self) -> None:
        """Open the connection."""
        raise NotImplementedError

    def send(self, headers: Headers, *, end: bool) -> int:
        """Send the headers of a request and return the number of its stream."""
        raise NotImplementedError

    def data(self, stream: int, data: bytes, *, end: bool) -> None:
        """Send a part of a request's body."""
        raise NotImplementedError

    def receive(self, deadline: float) -> None:
        """Wait for data, and handle them.

        Raises:
            ConnectionEndedError: the server ended the connection.
            TimeoutError: the deadline has passed.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection."""
        raise NotImplementedError

    def begin(self, method: str, path: str, headers: Sequence[tuple[str, str]] = (), *, end: bool = False) -> int:
        """Send the headers of a request and return the number of its stream; ``end`` if it has no body."""
        first = ((":method", method), (":scheme", "https"), (":authority", f"{self.host}:{self.port}"), (":path", path))
        stream = self.send([(name.lower().encode(), value.encode()) for name, value in (*first, *headers)], end=end)
        self.answers[stream] = Answer()
        return stream

    def answer(self, stream: int, timeout: float = TIMEOUT) -> Answer:
        """Wait for the end of an answer and return it.

        Raises:
            ConnectionEndedError: there is none.
            TimeoutError: there was none in time.
        """
        deadline = time.monotonic() + timeout
        while not self.answers[stream].ended:
            self.receive(deadline)
        if not self.answers[stream].status:
            raise ConnectionEndedError
        return self.answers[stream]

    def ask(self, method: str, path: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"") -> Answer:
        """Send a whole request and return its answer."""
        length = [("content-length", str(len(body)))] if body else []
        stream = self.begin(method, path, [*headers, *length], end=not body)
        if body:
            self.data(stream, body, end=True)
        return self.answer(stream)


class Http2(Client):
    """HTTP/2 over TLS."""

    def connect(self) -> None:
        """Open the connection."""
        context = ssl.create_default_context(cadata=self.authority)
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection((self.address, self.port), TIMEOUT)
        self.socket = context.wrap_socket(plain, server_hostname=self.host)
        assert self.socket.selected_alpn_protocol() == "h2"
        self.session = h2.connection.H2Connection()
        self.session.initiate_connection()
        self._flush()

    def send(self, headers: Headers, *, end: bool) -> int:
        """Send the headers of a request and return the number of its stream."""
        stream = int(self.session.get_next_available_stream_id())
        self.session.send_headers(stream, headers, end_stream=end)
        self._flush()
        return stream

    def data(self, stream: int, data: bytes, *, end: bool) -> None:
        """Send a part of a request's body, as fast as the server permits; none after the answer has come."""
        deadline = time.monotonic() + TIMEOUT
        while data and not self.answers[stream].ended:
            size = min(self.session.local_flow_control_window(stream), self.session.max_outbound_frame_size, len(data))
            if not size:
                self.receive(deadline)
                continue
            self.session.send_data(stream, data[:size], end_stream=end and size == len(data))
            data = data[size:]
            self._flush()

    def receive(self, deadline: float) -> None:
        """Wait for data, and handle them."""
        self.socket.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            data = self.socket.recv(1 << 16)
        except (ConnectionError, ssl.SSLError) as error:
            raise ConnectionEndedError from error
        if not data:
            raise ConnectionEndedError
        for event in self.session.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                self.answers[event.stream_id].take(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                self.answers[event.stream_id].body += event.data
                self.session.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
                self.answers[event.stream_id].ended = True
            elif isinstance(event, h2.events.ConnectionTerminated) and event.error_code:
                raise ConnectionEndedError
        self._flush()

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def _flush(self) -> None:
        if data := self.session.data_to_send():
            try:
                self.socket.sendall(data)
            except (ConnectionError, ssl.SSLError) as error:
                raise ConnectionEndedError from error


class Http3(Client):
    """HTTP/3 over QUIC."""

    def connect(self) -> None:
        """Open the connection.

        Raises:
            ConnectionEndedError: the server refused it.
            TimeoutError: the server does not answer.
        """
        configuration = QuicConfiguration(is_client=True, alpn_protocols=["h3"], server_name=self.host)
        configuration.load_verify_locations(cadata=self.authority.encode())
        self.socket = socket.socket(socket.AF_INET6 if ":" in self.address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((self.address, self.port))
        self.quic = QuicConnection(configuration=configuration)
        self.session: H3Connection | None = None
        self.quic.connect((self.address, self.port), now=time.monotonic())
        deadline = time.monotonic() + TIMEOUT
        while self.session is None:
            self.receive(deadline)

    def send(self, headers: Headers, *, end: bool) -> int:
        """Send the headers of a request and return the number of its stream."""
        assert self.session is not None
        stream = self.quic.get_next_available_stream_id()
        self.session.send_headers(stream, headers, end_stream=end)
        self._flush()
        return stream

    def data(self, stream: int, data: bytes, *, end: bool) -> None:
        """Send a part of a request's body."""
        assert self.session is not None
        self.session.send_data(stream, data, end_stream=end)
        self._flush()

    def receive(self, deadline: float) -> None:
        """Wait for data, and handle them."""
        self._flush()
        now, timer = time.monotonic(), self.quic.get_timer()
        if now > deadline:
            raise TimeoutError
        self.socket.settimeout(max(0.001, min(deadline, timer or deadline) - now))
        try:
            self.quic.receive_datagram(self.socket.recv(1 << 16), (self.address, self.port), now=time.monotonic())
        except TimeoutError:
            if timer is not None and time.monotonic() >= timer:
                self.quic.handle_timer(now=time.monotonic())
        except ConnectionError:  # nobody listens, which a packet says that may be a lie
            pass
        self._handle()
        self._flush()

    def close(self) -> None:
        """Close the connection."""
        self.quic.close()
        self._flush()
        self.socket.close()

    def _handle(self) -> None:
        while event := self.quic.next_event():
            if isinstance(event, HandshakeCompleted):
                self.session = H3Connection(self.quic)
            elif isinstance(event, ConnectionTerminated):
                raise ConnectionEndedError(event.reason_phrase)
            elif isinstance(event, StreamReset) and event.stream_id in self.answers:
                self.answers[event.stream_id].ended = True
            for each in self.session.handle_event(event) if self.session else ():
                self._read(each)

    def _read(self, event: H3Event) -> None:
        if not isinstance(event, HeadersReceived | DataReceived):
            return
        answer = self.answers[event.stream_id]
        if isinstance(event, HeadersReceived):
            answer.take(event.headers)
        else:
            answer.body += event.data
        answer.ended = answer.ended or event.stream_ended

    def _flush(self) -> None:
        for data, _ in self.quic.datagrams_to_send(now=time.monotonic()):
            try:
                self.socket.send(data)
            except ConnectionError:  # as above
                continue


PROTOCOLS: dict[str, type[Client]] = {"HTTP/2.0": Http2, "HTTP/3.0": Http3}


@contextmanager
def connected(
    protocol: str, port: int, authority: str, address: str = "127.0.0.1", host: str = HOST
) -> Iterator[Client]:
    """Yield a connection by a protocol, named as in Nginx's log."""
    client = PROTOCOLS[protocol](port, authority, address, host)
    try:
        yield client
    finally:
        client.close()
