"""The stub's server: each address tries one thing that its contract gives it, and says what came of it."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import psycopg
import redis
from amqp import Connection, Message
from landfast_outbox import store
from landfast_outbox.task import NewTask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: What a server adds to the key of a WebSocket. Source: RFC 6455, section 1.3
HANDSHAKE = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#: Numbers of the answers that say what the request was: none is given twice.
numbers = itertools.count()


def database(name: str) -> dict[str, Any]:
    """Write a row into a database, and say who did it."""
    with psycopg.connect(os.environ["DATABASE_URL"], dbname=name, connect_timeout=60) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visit (name citext)")
        connection.execute("INSERT INTO visit VALUES ('Stub')")
        row = connection.execute(
            "SELECT current_user, EXISTS (SELECT FROM visit WHERE name = 'STUB') GROUP BY 1"
        ).fetchone()
    return {"row": row}


def connected(vhost: str) -> Connection:
    """Return a connection to a vhost of RabbitMQ."""
    url = urlsplit(os.environ["BROKER_URL"])
    user, password = unquote(url.username or ""), unquote(url.password or "")
    return Connection(f"{url.hostname}:{url.port}", user, password, virtual_host=vhost, connect_timeout=60)


def broker(vhost: str) -> dict[str, Any]:
    """Send a message to a queue of a vhost, and receive it."""
    with connected(vhost) as connection:
        channel = connection.channel()
        received: list[Any] = []
        channel.queue_declare("letters", durable=True, auto_delete=False)
        channel.basic_consume("letters", no_ack=True, callback=lambda message: received.append(message.body))
        channel.basic_publish(Message("hello"), routing_key="letters")
        while not received:
            connection.drain_events(timeout=60)
    return {"received": received}


def state(key: str) -> dict[str, Any]:
    """Write a key into Redis, read it and say what was there."""
    with redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=60, decode_responses=True) as client:
        client.set(key, "hello", ex=60)
        return {"value": client.get(key)}


def durable(queue: str) -> dict[str, Any]:
    """Write a durable task for a queue, receive what the relay publishes of it, and complete it."""
    with connected("stub") as link:
        link.channel().queue_declare(queue, durable=True, auto_delete=False)
    return {"written": written(queue), **consume(queue)}


def written(queue: str, error: str = "") -> str:
    """Write a durable task for a queue, make a dead letter of it if it has an error, and return its id."""
    task = NewTask(uuid4(), "stub.greet", queue, '["hello"]')
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=60) as connection, connection.cursor() as cursor:
        store.insert(cursor, [task])
        if error:
            store.bury(connection, task.id, error)
    return str(task.id)


def dead_letter(queue: str) -> dict[str, Any]:
    """Leave a dead letter of a task for a queue."""
    return {"written": written(queue, "ValueError: no such boat")}


def consume(queue: str) -> dict[str, Any]:
    """Receive a durable task from a queue, and complete it."""
    received: list[str] = []
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=60) as connection, connected("stub") as link:
        channel = link.channel()
        channel.queue_declare(queue, durable=True, auto_delete=False)
        channel.basic_consume(queue, no_ack=True, callback=lambda message: received.append(message.message_id))
        while not received:
            link.drain_events(timeout=60)
        task = UUID(received[0])
        claimed = store.claim(connection, task).granted
        completed = store.complete(connection, task)
    return {"received": received[0], "claimed": claimed, "completed": completed}


def hold(name: str) -> None:
    """Wait until a held page is released, unless this is the first request for it."""
    if name in HELD:
        HELD[name].wait()
    else:
        HELD[name] = threading.Event()


def release(name: str) -> dict[str, Any]:
    """Let the answers of a held page go."""
    HELD[name].set()
    return {}


#: The trials, by the first part of the address.
TRIED = {
    "database": database,
    "broker": broker,
    "redis": state,
    "durable": durable,
    "dead-letter": dead_letter,
    "consume": consume,
    "release": release,
}


#: Headers of pages that a cache may keep, or not, by the second part of the address.
PUBLIC = {"Cache-Control": "public", "ETag": '"same"', "Vary": "Cookie, Accept-Language"}
CACHED: dict[str, Mapping[str, str]] = {
    "public": PUBLIC,
    "slow": PUBLIC,
    "held": PUBLIC,
    "long": {"Cache-Control": "public, max-age=0, s-maxage=60"},
    "searched": {**PUBLIC, "No-Vary-Search": 'params, except=("page")'},
    "varied": {**PUBLIC, "Vary": "HX-Request"},
    "private": {"Cache-Control": "private"},
    "silent": {},
    "cookie": {**PUBLIC, "Set-Cookie": "visitor=1"},
    "any": {**PUBLIC, "Vary": "*"},
}
#: Seconds that a slow page takes: many visitors request it meanwhile.
SLOW = 1
#: Held pages by name: the first answer comes at once, all later ones when the page is released.
HELD: dict[str, threading.Event] = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self.shake_hands()
            return
        _, what, *name = self.path.split("/")
        if what == "hand-out":
            self.answer({}, {"X-Accel-Redirect": f"/handed-out/{name[0]}", "Cache-Control": "private"})
            return
        if what == "cached":
            time.sleep(SLOW if name[0] == "slow" else 0)
            if name[0] == "held":
                hold(name[1])
            self.answer(self.seen(), CACHED[name[0]])
            return
        try:
            tried = TRIED.get(what)
            answer = tried(name[0]) if tried else self.seen()
        except Exception as error:  # noqa: BLE001 - tests look at what went wrong
            answer = {"error": f"{type(error).__name__}: {error}"}
        self.answer(answer)

    def do_POST(self) -> None:
        self.answer({"bytes": len(self.rfile.read(int(self.headers["Content-Length"])))})

    def seen(self) -> dict[str, Any]:
        """Return what reached this server."""
        told = {name.lower(): self.headers.get(name) for name in ("Host", "Upgrade", "Cookie", "X-Forwarded-Host")}
        inner = [name for name in self.headers if name.lower().startswith("x-page-")]
        return {"number": next(numbers), "path": self.path, "inner": inner, **told}

    def answer(self, answer: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - http.server's own name

    def shake_hands(self) -> None:
        """Open a WebSocket and send one text, ``hello``."""
        key = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + HANDSHAKE).encode(), usedforsecurity=False).digest()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade")):
            self.send_header(name, value)
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(key).decode())
        self.end_headers()
        self.wfile.write(b"\x81\x05hello")
        self.close_connection = True


class Uwsgi(StreamRequestHandler):
    """Answers a packet of the uwsgi protocol with the variables that are in it."""

    def handle(self) -> None:
        body = json.dumps(dict(self.variables())).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def variables(self) -> Iterator[tuple[str, str]]:
        """Yield each variable: https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html"""
        packet = io.BytesIO(self.rfile.read(int.from_bytes(self.rfile.read(4)[1:3], "little")))
        while name := self.text(packet):
            yield name, self.text(packet)

    @staticmethod
    def text(packet: io.BytesIO) -> str:
        return packet.read(int.from_bytes(packet.read(2), "little")).decode()


if __name__ == "__main__":
    threading.Thread(target=ThreadingTCPServer(("", 3031), Uwsgi).serve_forever, daemon=True).start()
    ThreadingHTTPServer(("", 8000), Handler).serve_forever()  # the container's own networks
