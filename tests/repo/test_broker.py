"""The names that each application has rights on in the shared vhost, and the policies that hold for its queues."""

from __future__ import annotations

import json
import re

import pytest

from cli.settings import ROOT
from contract.derived import derive
from contract.files import read

QUEUES = {
    "web": ("web", "web.mail", "web.bulk"),
    "api": ("api",),
    "worker": ("tasks", "tasks-dramatiq", "tasks-dramatiq.DQ"),
}
#: What Celery makes beside an application's queues, with the health check's exchange.
CELERY = (
    *("celeryev", "celeryev.0b8f", "celery.pidbox", "celery@0b8f.celery.pidbox", "reply.celery.pidbox"),
    *("celery_delayed_27", "celery_delayed_delivery", "probe", "probe.0b8f"),
)
RIGHTS = ("configure", "write", "read")


def permissions(user: str) -> dict[str, str]:
    """Return what a user may in the vhost that all share, as patterns."""
    document = json.loads(derive(read(ROOT)).contents["rabbitmq.users.json"])
    [found] = [each for each in document["permissions"] if (each["user"], each["vhost"]) == (user, "landfast")]
    return {right: found[right] for right in RIGHTS}


def policy(kind: str, name: str) -> str | None:
    """Return the policy that holds for a queue or an exchange."""
    document = json.loads((ROOT / "images/rabbitmq/definitions.json").read_text(encoding="utf-8"))
    policies = [each for each in document["policies"] if each["apply-to"] == kind]
    matching = [each["name"] for each in policies if re.search(each["pattern"], name)]
    assert policies
    assert len(matching) <= 1, "one is enough"
    return matching[0] if matching else None


@pytest.mark.parametrize("user", list(QUEUES))
@pytest.mark.parametrize("right", RIGHTS)
def test_workers_have_rights_on_their_own_queues_names_and_on_those_that_celery_shares(user: str, right: str) -> None:
    # They trust each other all the same: a delay of Celery's leads to every queue. (contract/README.md)
    pattern = permissions(user)[right]
    foreign = [queue for other, queues in QUEUES.items() if other != user for queue in (other, *queues)]

    assert [name for name in (*QUEUES[user], *CELERY) if not re.search(pattern, name)] == []
    assert [name for name in (*foreign, "dead-letters", "health") if re.search(pattern, name)] == []


@pytest.mark.parametrize("user", ["web", "api"])
def test_applications_have_no_right_on_the_default_exchange(user: str) -> None:
    assert not re.search(permissions(user)["write"], "amq.default")


def test_the_relay_publishes_to_any_queue_and_does_nothing_else() -> None:
    assert permissions("relay") == {"configure": "^$", "write": r"^amq\.default$", "read": "^$"}


@pytest.mark.parametrize("queue", [queue for queues in QUEUES.values() for queue in queues] + ["shop"])
def test_what_a_queue_gives_up_is_kept(queue: str) -> None:
    assert policy("quorum_queues", queue) == "tasks"
    assert policy("quorum_queues", "dead-letters") == "dead-letters"
    assert policy("quorum_queues", "celery_delayed_3") is None, "Celery's delays have ends of their own"


@pytest.mark.parametrize("exchange", ["web", "api", "tasks", "shop"])
def test_a_task_for_a_queue_that_there_is_not_is_kept(exchange: str) -> None:
    assert policy("exchanges", exchange) == "unroutable"


@pytest.mark.parametrize(
    "exchange", ["", "amq.topic", "health", "dead-letters", "celeryev", "celery.pidbox", "celery_delayed_27", "probe"]
)
def test_events_and_what_the_relay_sends_are_not_kept_when_nobody_listens(exchange: str) -> None:
    assert policy("exchanges", exchange) is None
