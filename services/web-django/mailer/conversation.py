"""One conversation with a mail server: each step has the time limit of RFC 5321 (section 4.5.3.2).

smtplib has one time-out for all steps, which restarts at each read, so a server that sends a byte a minute holds it for
ever; and it does not distinguish a mail that the server refused from one that the server may have accepted. Here the
step before the final dot is :func:`landfast_outbox.consumer.point_of_no_return`.
"""

from __future__ import annotations

import re
import smtplib
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from landfast_outbox.consumer import point_of_no_return
from landfast_runtime.worker.retrying import FinalError

if TYPE_CHECKING:
    from collections.abc import Buffer

#: Seconds of RFC 5321 for the reply to DATA, and for the sending of each block of the mail.
DATA_INITIATION, BLOCK = 120.0, 180.0

#: Seconds for steps after the outcome for the mail is known.
COURTESY = 5.0

#: Seconds for all steps before the final dot: together with the ten minutes after it, within a task's time limit.
BEFORE_THE_DOT = 1800.0

#: Bytes of a mail that are sent at once.
BLOCK_SIZE = 64 << 10

#: The steps with a time limit of their own; the final dot is a step, too.
_DATA, _DOT = "DATA", "the final dot"
_COURTESIES = frozenset({"RSET", "QUIT"})
_VERBS = _COURTESIES | {"EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", _DATA}

_FIRST_REFUSAL, _LAST_REFUSAL = 500, 599
#: Refusals of the login: they concern our configuration, not the mail.
_NO_LOGIN = frozenset({530, 535, 538})


class RefusedError(FinalError):
    """The server refused a mail permanently; a retry would be refused as well."""


class UnansweredError(FinalError):
    """A mail was sent completely, and the reply is missing: the server may have accepted the mail."""


@dataclass(frozen=True)
class Limits:
    """The time limits of a server's replies, in seconds.

    Args:
        reply: for the greeting, EHLO, AUTH, MAIL and RCPT: 300 in the RFC.
        end: after the final dot: 600 in the RFC.
    """

    reply: float = 300.0
    end: float = 600.0

    def of(self, step: str) -> float:
        """Return the seconds for the reply to a step."""
        return {_DATA: DATA_INITIATION, _DOT: self.end}.get(step, self.reply)


class _Lines:
    """Reads a server's lines, with a deadline.

    Args:
        sock: the connection's socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._left = b""
        self.deadline = 0.0

    def readline(self, limit: int) -> bytes:
        """Return the next line with its line end, or a part of it at the end of the connection or at the limit.

        Raises:
            TimeoutError: the line has not arrived in time.
        """
        while b"\n" not in self._left[:limit] and len(self._left) < limit:
            seconds = self.deadline - time.monotonic()
            if seconds <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(seconds)
            piece = self._sock.recv(4096)
            if not piece:
                break
            self._left += piece
        end = self._left.find(b"\n", 0, limit) + 1 or limit
        line, self._left = self._left[:end], self._left[end:]
        return line

    def close(self) -> None:
        """Do nothing: the conversation owns the socket."""


class Conversations:
    """All conversations of this process, so that a stopping worker can interrupt those before the final dot."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Conversation] = set()
        self._stopping = False

    def begin(self, conversation: Conversation) -> None:
        """Add a conversation.

        Raises:
            ConnectionAbortedError: the worker is stopping.
        """
        with self._lock:
            self._refuse_if_stopping()
            self._open.add(conversation)

    def pass_the_point(self, conversation: Conversation) -> None:
        """Let a conversation finish: from now on the worker waits for it.

        Raises:
            ConnectionAbortedError: the worker is stopping, and the conversation was interrupted.
        """
        with self._lock:
            self._refuse_if_stopping()
            self._open.discard(conversation)

    def end(self, conversation: Conversation) -> None:
        """Remove a conversation."""
        with self._lock:
            self._open.discard(conversation)

    def break_off(self) -> None:
        """Interrupt conversations before the final dot, and begin no more; a stopping worker calls this."""
        with self._lock:
            self._stopping = True
            for conversation in self._open:
                conversation.hang_up()

    def resume(self) -> None:
        """Allow new conversations again."""
        with self._lock:
            self._stopping = False

    def _refuse_if_stopping(self) -> None:
        if self._stopping:
            raise ConnectionAbortedError("the worker stops: the mail is sent later")


conversations = Conversations()


class Conversation(smtplib.SMTP):
    """smtplib's client with a deadline for each step.

    Args:
        limits: the time limits.
        **options: smtplib's own options; ``timeout`` is only for the connection.
    """

    def __init__(self, host: str, port: int, *, limits: Limits, **options: Any) -> None:  # noqa: ANN401 - smtplib's
        self._limits = limits
        self._step = "its greeting"
        self._last_moment = time.monotonic() + BEFORE_THE_DOT
        super().__init__(host, port, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # typeshed lacks it
        self.sock = sock
        # The final dot is a packet of its own, and must not wait for the acknowledgement of the mail's last packet.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            conversations.begin(self)
        except ConnectionAbortedError:
            self.close()
            raise
        return sock

    def hang_up(self) -> None:
        """End the connection from another thread: a waiting thread notices it at once."""
        if self.sock is not None:
            with suppress(OSError):  # TLS's own shutdown would change the connection's state during a read
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection."""
        conversations.end(self)
        super().close()

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send a command, and remember its name, but not a login's responses, which must not be in an error."""
        verb = cmd.partition(" ")[0].upper()
        if verb in _VERBS:
            self._step = verb
        super().putcmd(cmd, args)

    def send(self, s: Buffer | str) -> None:
        """Send bytes within the time limit of a block."""
        if self.sock is not None:
            self.sock.settimeout(self._seconds(BLOCK))
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """Return the reply to the step.

        Raises:
            smtplib.SMTPServerDisconnected: the reply did not arrive in time, or the connection ended.
        """
        if self.sock is not None and self.file is None:
            self.file = _Lines(self.sock)
        if self.file is not None:
            self.file.deadline = time.monotonic() + self._seconds(self._limits.of(self._step))
        try:
            return super().getreply()
        except smtplib.SMTPServerDisconnected as error:
            raise smtplib.SMTPServerDisconnected(f"no answer to {self._step}: {error}") from None

    def data(self, msg: Buffer | str) -> tuple[int, bytes]:
        """Send a mail and return the server's reply.

        Raises:
            smtplib.SMTPDataError: the server refuses it.
            smtplib.SMTPServerDisconnected: the connection ended before the final dot.
            UnansweredError: the connection ended, or no reply arrived in time, after the final dot.
        """
        code, reply = self.docmd("data")
        if code != 354:  # noqa: PLR2004 - the go-ahead
            raise smtplib.SMTPDataError(code, reply)
        letter = re.sub(rb"(?m)^\.", b"..", msg.encode("ascii") if isinstance(msg, str) else bytes(msg))
        letter = letter if letter.endswith(b"\r\n") else letter + b"\r\n"
        for start in range(0, len(letter), BLOCK_SIZE):
            self.send(letter[start : start + BLOCK_SIZE])
        conversations.pass_the_point(self)
        point_of_no_return()
        self._step = _DOT
        try:
            self.send(b".\r\n")
            code, reply = self.getreply()
        except OSError as error:
            raise UnansweredError(_unanswered(str(error))) from error
        if code >= 400:  # noqa: PLR2004 - a refusal
            return code, reply
        if code // 100 != 2:  # noqa: PLR2004 - neither yes nor no
            self.close()
            raise UnansweredError(_unanswered(f"it answered {code} {reply.decode(errors='replace')}"))
        return 250, reply

    def _seconds(self, limit: float) -> float:
        """Return the remaining seconds of a step: the steps before the final dot have a common limit, too."""
        if self._step in _COURTESIES:
            return COURTESY
        if self._step == _DOT:
            return limit
        return max(min(limit, self._last_moment - time.monotonic()), 0.001)


class TLSConversation(Conversation, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""


def refusal(error: smtplib.SMTPException) -> str:
    """Return the server's permanent refusal of a mail; None if a retry may succeed.

    Args:
        error: smtplib's exception for MAIL, RCPT, DATA or the mail.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers: list[tuple[int, bytes | str]] = list(error.recipients.values())
    elif isinstance(error, (smtplib.SMTPSenderRefused, smtplib.SMTPDataError)):
        answers = [(error.smtp_code, error.smtp_error)]
    else:
        return ""
    if not all(_FIRST_REFUSAL <= code <= _LAST_REFUSAL and code not in _NO_LOGIN for code, _ in answers):
        return ""
    return "; ".join(f"{code} {_text(reply)}" for code, reply in answers)


def _text(reply: bytes | str) -> str:
    return reply.decode(errors="replace") if isinstance(reply, bytes) else reply


def _unanswered(problem: str) -> str:
    return (
        "the mail server may have accepted the mail: it was sent completely, but the reply is missing. It is not sent "
        f"again automatically; re-drive this task if it did not arrive ({problem})"
    )
