"""Mails and mail servers: the time limit of each step, and the outcome of each kind of reply."""

from __future__ import annotations

import smtplib
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import django
import pytest
from django.core.mail import EmailMessage
from landfast_runtime.worker.retrying import FinalError
from landfast_testing.mail_server import DOT, DROP, GREETING, HANG, READ_NOTHING, TRICKLE, MailServer
from landfast_testing.waiting import DEADLINE, PATIENCE, wait_until
from mailer import conversation
from mailer.backend import StepwiseBackend
from mailer.conversation import Limits, RefusedError, UnansweredError, conversations
from mysite import worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

django.setup()

#: Seconds in place of minutes, and seconds after which a test counts an operation as hung.
SHORT, LONG = 0.1 * PATIENCE, 10 * PATIENCE

BEFORE_THE_DOT = (GREETING, "EHLO", "MAIL", "RCPT", "DATA")


@pytest.fixture(autouse=True)
def passed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Short times for limits without a setting; the list has the accepted mails' number at each point of no return."""
    points: list[int] = []
    for name in ("BLOCK", "COURTESY"):
        monkeypatch.setattr(conversation, name, SHORT)
    monkeypatch.setattr(conversation, "point_of_no_return", lambda: points.append(0))
    yield points
    conversations.resume()


@pytest.fixture
def server() -> Iterator[MailServer]:
    running = MailServer()
    yield running
    running.close()


@dataclass(frozen=True)
class ShortWhereSilent(Limits):
    """A short limit where the server falls silent; a prompt reply has long, as a test may stand still for a second.

    Args:
        server: the mail server.
    """

    server: MailServer = field(kw_only=True)

    def of(self, step: str) -> float:
        return SHORT if any(silent in step for silent in silent_steps(self.server)) else DEADLINE


def silent_steps(server: MailServer) -> list[str]:
    """Return the steps at which a server falls silent."""
    return [step for step, answer in server.answers.items() if answer in {HANG, TRICKLE}]


def send(
    server: MailServer, limits: Limits | None = None, to: str = "reader@example.org", body: str = "High water.\n.\n"
) -> None:
    backend: Any = StepwiseBackend(
        alias="default",
        host="127.0.0.1",
        port=server.port,
        timeout=DEADLINE,
        limits=limits or ShortWhereSilent(server=server),
    )
    backend.send_messages([EmailMessage("Tides", body, "hello@example.org", [to])])


def seconds(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


def test_a_letter_is_taken_whole_and_the_point_of_no_return_comes_before_its_end(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(conversation, "point_of_no_return", lambda: taken.append(len(server.taken)))

    send(server)

    assert (taken, len(server.taken)) == ([0], 1)
    assert server.taken[0].endswith(b"\r\n\r\nHigh water.\r\n..\r\n")


@pytest.mark.parametrize("step", BEFORE_THE_DOT)
@pytest.mark.parametrize("answer", [HANG, DROP, TRICKLE])
def test_a_server_that_falls_silent_before_the_final_dot_is_left_in_time_and_tried_again(
    server: MailServer, step: str, answer: str, passed: list[int]
) -> None:
    server.answers[step] = answer

    def attempt() -> None:
        with pytest.raises(smtplib.SMTPServerDisconnected, match=step):
            send(server)

    assert seconds(attempt) < LONG
    assert (passed, server.taken) == ([], [])


def test_a_server_that_reads_no_letter_is_left_in_time_and_tried_again(server: MailServer, passed: list[int]) -> None:
    server.answers["DATA"] = READ_NOTHING

    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(server, body="High water at noon.\n" * 1_000_000)

    assert passed == []


def test_all_steps_together_have_a_limit(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "BEFORE_THE_DOT", SHORT)
    server.answers["MAIL"] = HANG

    with pytest.raises(smtplib.SMTPServerDisconnected, match=r"no answer to .* timed out"):
        send(server, Limits())


def test_each_step_has_its_own_limit() -> None:
    limits = Limits(reply=1.0, end=2.0)

    seconds_of = {step: limits.of(step) for step in ("its greeting", "EHLO", "RCPT", "DATA", "the final dot")}

    assert seconds_of == {"its greeting": 1, "EHLO": 1, "RCPT": 1, "DATA": 120, "the final dot": 2}


def refusing(step: str, answer: str) -> dict[str, str]:
    """Return a server's replies that refuse a step; after a refused EHLO a client tries HELO."""
    return {step: answer, "HELO": answer} if step == "EHLO" else {step: answer}


@pytest.mark.parametrize("step", [*BEFORE_THE_DOT, DOT])
def test_a_letter_that_is_refused_for_now_is_tried_again(server: MailServer, step: str) -> None:
    server.answers |= refusing(step, "451 later")

    with pytest.raises(OSError) as raised:  # noqa: PT011 - each step has its own subclass
        send(server)

    assert not isinstance(raised.value, FinalError)


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", DOT])
def test_a_letter_that_is_refused_for_good_is_not_tried_again(server: MailServer, step: str) -> None:
    server.answers[step] = "550 5.1.1 nobody here"

    with pytest.raises(RefusedError, match=r"refused the mail permanently: 550 5\.1\.1 nobody here"):
        send(server)


@pytest.mark.parametrize(
    ("step", "answer"), [(GREETING, "554 not you"), ("EHLO", "550 not you"), ("MAIL", "530 log in first")]
)
def test_a_refusal_of_us_rather_than_of_the_letter_is_tried_again(server: MailServer, step: str, answer: str) -> None:
    server.answers |= refusing(step, answer)

    with pytest.raises(OSError) as raised:  # noqa: PT011
        send(server)

    assert not isinstance(raised.value, FinalError)


def test_an_address_that_no_server_knows_is_not_tried_again(server: MailServer) -> None:
    with pytest.raises(RefusedError, match="cannot be sent"):
        send(server, to="jürgen@example.org")


@pytest.mark.parametrize("answer", [HANG, DROP, TRICKLE, "354 more?", "what?"])
def test_a_letter_whose_end_was_not_answered_may_have_been_taken_and_is_not_tried_again(
    server: MailServer, answer: str, passed: list[int]
) -> None:
    server.answers[DOT] = answer

    with pytest.raises(UnansweredError, match="may have accepted the mail"):
        send(server)

    assert (len(passed), len(server.taken)) == (1, 1)


def test_a_server_that_takes_its_time_after_the_final_dot_gets_the_letter_once(server: MailServer) -> None:
    server.answers[DOT] = HANG
    threading.Timer(4 * SHORT, server.go_on.set).start()

    send(server, Limits(LONG, LONG))

    assert len(server.taken) == 1


@pytest.mark.parametrize("answer", [HANG, DROP, "421 gone", "x" * 20_000])
def test_a_letter_that_was_taken_is_taken_whatever_the_goodbye(server: MailServer, answer: str) -> None:
    server.answers["QUIT"] = answer

    assert seconds(lambda: send(server, Limits(LONG, LONG))) < LONG
    assert len(server.taken) == 1


def wait_for(server: MailServer, step: str) -> None:
    wait_until(lambda: step in server.steps, f"no client came to {step}")


def in_background(action: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    """Run an action in a thread, and return the thread and the list of the action's exceptions."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except OSError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


@pytest.mark.parametrize("step", BEFORE_THE_DOT)
def test_a_worker_that_stops_waits_for_no_server_that_cannot_have_taken_the_letter(
    server: MailServer, step: str
) -> None:
    server.answers[step] = HANG
    thread, raised = in_background(lambda: send(server, Limits(4 * LONG, 4 * LONG)))
    wait_for(server, step)
    # The server may come to its greeting before the client has begun to listen.
    wait_until(lambda: conversations._open, "no conversation is open")  # noqa: SLF001 - it has no public name

    worker.interrupt_conversations()
    thread.join(LONG)

    assert [type(error) for error in raised] == [smtplib.SMTPServerDisconnected]
    with pytest.raises(ConnectionAbortedError, match="the worker stops"):
        send(server)


def test_a_worker_that_stops_waits_for_a_letter_that_may_have_been_taken(server: MailServer) -> None:
    server.answers[DOT] = HANG
    thread, raised = in_background(lambda: send(server, Limits(LONG, LONG)))
    wait_for(server, DOT)

    worker.interrupt_conversations()
    server.go_on.set()
    thread.join(LONG)

    assert (raised, len(server.taken)) == ([], 1)


def test_a_login_s_answers_are_in_no_error(server: MailServer) -> None:
    server.answers |= {"EHLO": "250-mail.example\r\n250 AUTH LOGIN", "AUTH": "334 VXNlcm5hbWU6", "C2VJ": HANG}
    client = conversation.Conversation("127.0.0.1", server.port, limits=Limits(LONG, LONG), timeout=DEADLINE)
    client.ehlo()
    client._limits = Limits(SHORT, SHORT)  # noqa: SLF001 - the steps before it have long

    with pytest.raises(smtplib.SMTPServerDisconnected) as raised:
        client.login("secret user", "secret password", initial_response_ok=False)

    assert "no answer to AUTH" in str(raised.value)
