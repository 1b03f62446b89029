"""The stub's server: each address tries one thing that its contract gives it, and says what came of it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import redis
from amqp import Connection, Message

#: What a server adds to the key of a WebSocket. Source: RFC 6455, section 1.3
HANDSHAKE = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#: Numbers of the answers that say what the request was: none is given twice.
numbers = itertools.count()


def database(name: str) -> dict[str, Any]:
    """Write a row into a database, and say who did it."""
    with psycopg.connect(os.environ["DATABASE_URL"], dbname=name, connect_timeout=5) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visit (name citext)")
        connection.execute("INSERT INTO visit VALUES ('Stub')")
        row = connection.execute(
            "SELECT current_user, EXISTS (SELECT FROM visit WHERE name = 'STUB') GROUP BY 1"
        ).fetchone()
    return {"row": row}


def broker(vhost: str) -> dict[str, Any]:
    """Send a message to a queue of a vhost, and receive it."""
    url = urlsplit(os.environ["BROKER_URL"])
    user, password = unquote(url.username or ""), unquote(url.password or "")
    with Connection(f"{url.hostname}:{url.port}", user, password, virtual_host=vhost, connect_timeout=5) as connection:
        channel = connection.channel()
        received: list[Any] = []
        channel.queue_declare("letters", durable=True, auto_delete=False)
        channel.basic_consume("letters", no_ack=True, callback=lambda message: received.append(message.body))
        channel.basic_publish(Message("hello"), routing_key="letters")
        while not received:
            connection.drain_events(timeout=10)
    return {"received": received}


def state(key: str) -> dict[str, Any]:
    """Write a key into Redis, read it and say what was there."""
    with redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=5, decode_responses=True) as client:
        client.set(key, "hello", ex=60)
        return {"value": client.get(key)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self.shake_hands()
            return
        _, what, *name = self.path.split("/")
        try:
            tried = {"database": database, "broker": broker, "redis": state}.get(what)
            answer = tried(name[0]) if tried else self.seen()
        except Exception as error:  # noqa: BLE001 - tests look at what went wrong
            answer = {"error": f"{type(error).__name__}: {error}"}
        self.answer(answer)

    def do_POST(self) -> None:
        self.answer({"bytes": len(self.rfile.read(int(self.headers["Content-Length"])))})

    def seen(self) -> dict[str, Any]:
        """Return what reached this server."""
        return {"number": next(numbers), "host": self.headers["Host"], "upgrade": self.headers.get("Upgrade")}

    def answer(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

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


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8000), Handler).serve_forever()  # the container's own networks
