"""A mail server for tests, in this process; the test chooses its behaviour at each step of the conversation."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field

#: A server's behaviour instead of a reply: silence, end the connection, stop reading, or send a byte now and then.
HANG, DROP, READ_NOTHING, TRICKLE = "hang", "drop", "read nothing", "trickle"

GREETING, DOT = "greeting", "dot"

USUAL = {
    GREETING: "220 mail.example ready",
    "EHLO": "250 mail.example",
    "HELO": "250 mail.example",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go ahead",
    DOT: "250 taken",
    "RSET": "250 ok",
    "QUIT": "221 bye",
}


@dataclass
class MailServer:
    """A server that takes conversations, one after the other.

    Args:
        answers: its behaviour at a step, where that is not the usual.
        taken: the messages that arrived completely.
        steps: the clients' commands, one a step.
    """

    answers: dict[str, str] = field(default_factory=dict)
    taken: list[bytes] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen on a free port."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        #: Set by a test to let a hanging server go on.
        self.go_on = threading.Event()
        self.port: int = self._listener.getsockname()[1]
        self._server = threading.Thread(target=self._serve, daemon=True)
        self._server.start()

    def close(self) -> None:
        """Accept no more conversations, and end those that hang."""
        self._over.set()
        self.go_on.set()
        # close() alone would leave the thread waiting, and after a signal it would accept the next server's clients,
        # whose socket may have the same number.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._server.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):
                client, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with suppress(OSError), client, client.makefile("rb") as lines:
            if not self._answer(client, GREETING):
                return
            while line := lines.readline():
                step = line[:4].strip().upper().decode()
                if not self._answer(client, step):
                    return
                if step == "DATA" and self._said("DATA").startswith("354"):
                    letter = b""
                    while (line := lines.readline()) not in {b".\r\n", b""}:
                        letter += line
                    if not line:
                        return
                    self.taken.append(letter)
                    if not self._answer(client, DOT):
                        return

    def _said(self, step: str) -> str:
        return self.answers.get(step, USUAL.get(step, "502 what?"))

    def _answer(self, client: socket.socket, step: str) -> bool:
        """Act at a step, and return whether the conversation goes on."""
        self.steps.append(step)
        said = self._said(step)
        if said == DROP:
            return False
        if said == READ_NOTHING:
            client.sendall(f"{USUAL[step]}\r\n".encode())
            self._over.wait(60)
            return False
        if said == TRICKLE:
            while not self._over.wait(0.05):
                client.sendall(b"2")
            return False
        if said == HANG:
            self.go_on.wait(60)
            said = USUAL.get(step, "502 what?")
        client.sendall(f"{said}\r\n".encode())
        return True
