"""Tasks that pages send: they are written in the page's transaction, with or without RabbitMQ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from accounts.models import User
from accounts.signals import registered
from accounts.tasks import send_welcome
from django.db import connection, transaction

from tests.conftest import PASSWORD

if TYPE_CHECKING:
    from django.test import Client
    from landfast_testing.outbox import Outbox

FORM = {"username": "ada", "email": "ada@example.org", "password1": PASSWORD, "password2": PASSWORD}


class UndoneError(Exception):
    """Rolls a transaction back."""


def names(outbox: Outbox) -> list[tuple[str, list[int]]]:
    return [(task.name, task.arguments) for task in outbox.tasks]


def send_and_undo(user_id: int) -> None:
    with transaction.atomic():
        send_welcome.delay(user_id)
        raise UndoneError


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_sends_no_task_and_what_is_committed_does(outbox: Outbox) -> None:
    with pytest.raises(UndoneError):
        send_and_undo(7)
    assert names(outbox) == []

    with transaction.atomic():
        sent = send_welcome.delay(8)
        with pytest.raises(UndoneError):
            send_and_undo(9)
    assert names(outbox) == [("accounts.tasks.send_welcome", [8])]
    assert [task.id for task in outbox.tasks] == [sent.id]


@pytest.mark.django_db(transaction=True)
def test_a_task_outside_any_transaction_is_one_of_its_own(outbox: Outbox) -> None:
    send_welcome.delay(7)
    connection.close()

    assert names(outbox) == [("accounts.tasks.send_welcome", [7])]


@pytest.mark.django_db(transaction=True)
def test_whoever_registers_needs_no_rabbitmq(client: Client, outbox: Outbox) -> None:
    response = client.post("/accounts/register/", FORM, headers={"X-Request-ID": "request-0001"})

    assert response.status_code == 302, "nobody listens where RabbitMQ would be"
    assert names(outbox) == [("accounts.tasks.send_welcome", [User.objects.get().pk])]
    assert outbox.tasks[0].headers["request_id"] == "request-0001"


@pytest.mark.django_db(transaction=True)
def test_who_is_not_stored_gets_no_letter(client: Client, outbox: Outbox) -> None:
    seen: list[tuple[str, list[int]]] = []

    def refuse(**_: object) -> None:
        seen.extend(names(outbox))
        raise ConnectionError("nobody takes it")

    registered.connect(refuse)
    try:
        response = client.post("/accounts/register/", FORM)
    finally:
        registered.disconnect(refuse)

    assert response.status_code == 503
    assert len(seen) == 1
    assert (User.objects.count(), names(outbox)) == (0, [])
