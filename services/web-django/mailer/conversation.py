"""One conversation with a mail server: each step has the time that RFC 5321 (section 4.5.3.2) wants for it.

smtplib knows one time-out for all steps, for each read on its own, so a server that sends a byte a minute holds it for
ever; and it does not tell apart what a server refused and what it may have taken. Here the last step but one, before
the final dot, is :func:`landfast_outbox.consumer.point_of_no_return`.
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

#: Seconds that RFC 5321 grants for the answer to DATA, and for each block of the letter to be sent.
DATA_INITIATION, BLOCK = 120.0, 180.0

#: Seconds for what is mere courtesy: the letter's fate is known by then.
COURTESY = 5.0

#: Seconds for all steps before the final dot together: within a task's time limit with the ten minutes after it.
BEFORE_THE_DOT = 1800.0

#: Bytes of a letter that are sent at once.
BLOCK_SIZE = 64 << 10

#: The steps that have a time of their own; the final dot is a step, too.
_DATA, _DOT = "DATA", "the final dot"
_COURTESIES = frozenset({"RSET", "QUIT"})
_VERBS = _COURTESIES | {"EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", _DATA}

_FIRST_REFUSAL, _LAST_REFUSAL = 500, 599
#: Refusals for want of a login: they concern our set-up, not the letter.
_NO_LOGIN = frozenset({530, 535, 538})


class RefusedError(FinalError):
    """The server refused a letter for good; another attempt would be refused as well."""


class UnansweredError(FinalError):
    """A letter left whole, and nobody said what became of it: it may have been taken."""


@dataclass(frozen=True)
class Limits:
    """How long a server may take to answer, in seconds.

    Args:
        reply: for the greeting, EHLO, AUTH, MAIL and RCPT: the RFC wants 300.
        end: after the final dot: the RFC wants 600.
    """

    reply: float = 300.0
    end: float = 600.0

    def of(self, step: str) -> float:
        """Return the seconds for the answer to a step."""
        return {_DATA: DATA_INITIATION, _DOT: self.end}.get(step, self.reply)


class _Lines:
    """A server's lines, which must have come by a deadline.

    Args:
        sock: where from.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._left = b""
        self.deadline = 0.0

    def readline(self, limit: int) -> bytes:
        """Return the next line with its end, or what there is of it at the end of the connection or at the limit.

        Raises:
            TimeoutError: it has not come in time.
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
        """Do nothing: the socket is the conversation's."""


class Conversations:
    """All conversations of this process, so that a worker that stops can end those that have come to nothing yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Conversation] = set()
        self._stopping = False

    def begin(self, conversation: Conversation) -> None:
        """Know one more.

        Raises:
            ConnectionAbortedError: the worker stops.
        """
        with self._lock:
            self._refuse_if_stopping()
            self._open.add(conversation)

    def pass_the_point(self, conversation: Conversation) -> None:
        """Let one come to its end: from now on it is waited for.

        Raises:
            ConnectionAbortedError: the worker stops, and it was broken off.
        """
        with self._lock:
            self._refuse_if_stopping()
            self._open.discard(conversation)

    def end(self, conversation: Conversation) -> None:
        """Forget one."""
        with self._lock:
            self._open.discard(conversation)

    def break_off(self) -> None:
        """Break off those whose letters cannot have been taken, and begin no more; a worker that stops calls this."""
        with self._lock:
            self._stopping = True
            for conversation in self._open:
                conversation.hang_up()

    def resume(self) -> None:
        """Begin conversations again."""
        with self._lock:
            self._stopping = False

    def _refuse_if_stopping(self) -> None:
        if self._stopping:
            raise ConnectionAbortedError("the worker stops: the letter is sent after that")


conversations = Conversations()


class Conversation(smtplib.SMTP):
    """smtplib's client with a deadline for each step.

    Args:
        limits: how long the server may take.
        **options: smtplib's own; ``timeout`` is for connecting alone.
    """

    def __init__(self, host: str, port: int, *, limits: Limits, **options: Any) -> None:  # noqa: ANN401 - smtplib's
        self._limits = limits
        self._step = "its greeting"
        self._last_moment = time.monotonic() + BEFORE_THE_DOT
        super().__init__(host, port, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # typeshed lacks it
        self.sock = sock
        # The final dot leaves by itself, and must not wait until the letter's last packet is acknowledged.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            conversations.begin(self)
        except ConnectionAbortedError:
            self.close()
            raise
        return sock

    def hang_up(self) -> None:
        """End the connection from another thread: whoever waits for it hears at once."""
        if self.sock is not None:
            with suppress(OSError):  # TLS' own shutdown would take the connection's state from under its reader
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection."""
        conversations.end(self)
        super().close()

    def putcmd(self, cmd: str, args: str = "") -> None:
        """Send a command, and remember which; the answers of a login are none and must be in no error."""
        verb = cmd.partition(" ")[0].upper()
        if verb in _VERBS:
            self._step = verb
        super().putcmd(cmd, args)

    def send(self, s: Buffer | str) -> None:
        """Send some bytes within the time of a block."""
        if self.sock is not None:
            self.sock.settimeout(self._seconds(BLOCK))
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """Return the answer to the step.

        Raises:
            smtplib.SMTPServerDisconnected: it did not come in time, or the connection ended.
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
        """Send a letter and return what the server says of it.

        Raises:
            smtplib.SMTPDataError: the server does not want it.
            smtplib.SMTPServerDisconnected: the connection ended before the final dot.
            UnansweredError: it ended, or nothing came in time, after that.
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
        if code >= 400:  # noqa: PLR2004 - it said no
            return code, reply
        if code // 100 != 2:  # noqa: PLR2004 - neither yes nor no
            self.close()
            raise UnansweredError(_unanswered(f"it answered {code} {reply.decode(errors='replace')}"))
        return 250, reply

    def _seconds(self, limit: float) -> float:
        """Return the seconds that a step has left: before the final dot all of them have a limit, too."""
        if self._step in _COURTESIES:
            return COURTESY
        if self._step == _DOT:
            return limit
        return max(min(limit, self._last_moment - time.monotonic()), 0.001)


class TLSConversation(Conversation, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""


def refusal(error: smtplib.SMTPException) -> str:
    """Return how the server refused a letter for good; nothing if another attempt may fare better.

    Args:
        error: what smtplib raised for MAIL, RCPT, DATA or the letter.
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
        "the mail server may have taken the letter: it left whole, and nobody said what became of it. It is not sent "
        f"again by itself; re-drive this task if it did not arrive ({problem})"
    )
