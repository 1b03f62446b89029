"""A plain ASGI application: it says what reached it, streams in two parts, and echoes what comes over a WebSocket."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Message = dict[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

#: Set once the second part of all streams may be sent.
go = asyncio.Event()


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Answer a request or serve a WebSocket, by https://asgi.readthedocs.io/en/latest/specs/www.html."""
    if scope["type"] == "websocket":
        await echo(scope, receive, send)
    else:
        await answer(scope, receive, send)


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    """Send the scheme, then each message back until the other side closes."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": scope["scheme"]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


async def answer(scope: Message, receive: Receive, send: Send) -> None:
    """Stream at ``…/stream``, let the streams go on at ``…/go``, and describe the request elsewhere."""
    body = b"".join([part async for part in read(receive)])
    if scope["path"].endswith("/go"):
        go.set()
    # Nginx would gather the parts otherwise.
    headers = [(b"content-type", b"application/json"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"].endswith("/stream"):
        await send({"type": "http.response.body", "body": b"first ", "more_body": True})
        await go.wait()
        await send({"type": "http.response.body", "body": b"second"})
        return
    seen = {name: scope[name] for name in ("method", "path", "scheme")} | {"body": body.decode()}
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})


async def read(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the parts of a request's body."""
    more = True
    while more:
        message = await receive()
        yield message.get("body", b"")
        more = message.get("more_body", False)
