"""Applications are apart at the broker: what each user may do, and the policies that hold for its queues."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from cli.settings import ROOT
from contract.derived import derive
from contract.errors import ContractError
from contract.files import HOUSE, read
from tests.support.contracts import HOUSE as EMPTY
from tests.support.contracts import repository, shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

#: Queues of tasks, by vhost.
QUEUES = {
    "web": ("web", "web.mail", "web.bulk"),
    "api": ("api",),
    "landfast": ("tasks", "tasks-dramatiq", "tasks-dramatiq.DQ"),
}
#: What Celery makes beside an application's queues, with the health check's exchange.
CELERY = (
    *("celeryev", "celeryev.0b8f", "celery.pidbox", "celery@0b8f.celery.pidbox", "reply.celery.pidbox"),
    *("celery_delayed_27", "celery_delayed_delivery", "probe", "probe.0b8f"),
)
RIGHTS = ("configure", "write", "read")
HOUSES = {"relay", "flower", "console", "operator", "operator_reader"}


def document() -> Any:  # noqa: ANN401 - any JSON
    return json.loads(repository().contents["rabbitmq.users.json"])


def entrypoint() -> ModuleType:
    """Return the module of RabbitMQ's entrypoint."""
    spec = importlib.util.spec_from_file_location("entrypoint", ROOT / "images/rabbitmq/entrypoint.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - any JSON
    """What RabbitMQ imports."""
    module = entrypoint()
    monkeypatch.setattr(module, "secret", lambda _: "only-for-tests")
    template = (ROOT / "images/rabbitmq/definitions.json").read_text(encoding="utf-8")
    return json.loads(module.complete(template, json.dumps(document())))


def permissions(vhost: str) -> dict[str, dict[str, str]]:
    """Return user -> its rights in a vhost, as patterns."""
    return {
        each["user"]: {right: each[right] for right in RIGHTS}
        for each in document()["permissions"]
        if each["vhost"] == vhost
    }


def policy(definitions: Any, vhost: str, kind: str, name: str) -> str | None:  # noqa: ANN401 - any JSON
    """Return the policy that holds for a queue or an exchange."""
    policies = [each for each in definitions["policies"] if (each["vhost"], each["apply-to"]) == (vhost, kind)]
    matching = [each["name"] for each in policies if re.search(each["pattern"], name)]
    assert policies
    assert len(matching) <= 1, "one is enough"
    return matching[0] if matching else None


def test_no_two_applications_may_enter_the_same_vhost() -> None:
    rooms = {
        name: contract.file
        for contract in read(ROOT)
        if contract.file != HOUSE
        for name in contract.get("broker", "users")
    }
    for vhost in {each["vhost"] for each in document()["permissions"]}:
        strangers = permissions(vhost).keys() - HOUSES
        assert len({rooms[user] for user in strangers}) <= 1, vhost


@pytest.mark.parametrize("vhost", list(QUEUES))
@pytest.mark.parametrize("right", RIGHTS)
def test_an_application_has_rights_on_its_queues_and_on_what_celery_makes(vhost: str, right: str) -> None:
    [user] = permissions(vhost).keys() - HOUSES
    pattern = permissions(vhost)[user][right]

    assert [name for name in (*QUEUES[vhost], *CELERY) if not re.search(pattern, name)] == []


@pytest.mark.parametrize("vhost", list(QUEUES))
def test_the_relay_publishes_to_any_queue_and_does_nothing_else(vhost: str) -> None:
    assert permissions(vhost)["relay"] == {"configure": "^$", "write": r"^amq\.default$", "read": "^$"}


@pytest.mark.parametrize("vhost", list(QUEUES))
def test_flower_neither_publishes_tasks_nor_consumes_purges_or_binds_anybody_s_queues(vhost: str) -> None:
    foreign = (*QUEUES[vhost], "amq.default", "dead-letters", "celery@0b8f.celery.pidbox", "celery_delayed_27", "probe")
    own = ("celeryev", "celeryev.0b8f", "0b8f.reply.celery.pidbox", "celery.pidbox")

    for right in RIGHTS:
        pattern = permissions(vhost)["flower"][right]
        assert [name for name in foreign if re.search(pattern, name)] == []
        assert [name for name in own if not re.search(pattern, name)] == []


def test_no_user_enters_the_vhost_of_another_application() -> None:
    bakery = replace(shop("x-landfast: {broker: {vhosts: {bakery: {}}}}"), file="services/bakery/compose.yaml")

    with pytest.raises(ContractError, match=r"users\.shop\.vhost: bakery belongs to services/bakery/compose\.yaml"):
        derive([EMPTY, bakery, shop("x-landfast: {broker: {users: {shop: {vhost: bakery}}}}")])


def test_a_second_application_in_the_house_s_vhost_is_refused() -> None:
    first = shop("x-landfast: {broker: {users: {mill: {}}}}")
    second = shop("x-landfast: {broker: {users: {bakery: {}}}}")

    derive([EMPTY, first])
    with pytest.raises(ValueError, match=r"bakery\.vhost is missing: .* has the house's virtual host") as refused:
        derive([EMPTY, first, replace(second, file="services/bakery/compose.yaml")])
    assert "broker.vhosts" in str(refused.value)


@pytest.mark.parametrize(("vhost", "queue"), [(vhost, queue) for vhost, queues in QUEUES.items() for queue in queues])
def test_what_a_queue_gives_up_is_kept(complete: Any, vhost: str, queue: str) -> None:  # noqa: ANN401
    assert policy(complete, vhost, "quorum_queues", queue) == "tasks"
    assert policy(complete, vhost, "quorum_queues", "dead-letters") == "dead-letters"
    assert policy(complete, vhost, "quorum_queues", "celery_delayed_3") is None, (
        "Celery's delays have ends of their own"
    )
    for part in ("exchanges", "queues"):
        assert [each for each in complete[part] if (each["vhost"], each["name"]) == (vhost, "dead-letters")]
    assert [each for each in complete["bindings"] if (each["vhost"], each["source"]) == (vhost, "dead-letters")]


@pytest.mark.parametrize("vhost", list(QUEUES))
def test_a_task_for_a_queue_that_there_is_not_is_kept(complete: Any, vhost: str) -> None:  # noqa: ANN401
    assert policy(complete, vhost, "exchanges", "shop") == "unroutable"


@pytest.mark.parametrize(
    "exchange", ["", "amq.topic", "health", "dead-letters", "celeryev", "celery.pidbox", "celery_delayed_27", "probe"]
)
def test_events_and_what_the_relay_sends_are_not_kept_when_nobody_listens(complete: Any, exchange: str) -> None:  # noqa: ANN401
    assert {policy(complete, vhost, "exchanges", exchange) for vhost in QUEUES} == {None}


class Pages(BaseHTTPRequestHandler):
    """The management pages of a RabbitMQ with permissions from before."""

    held: tuple[dict[str, str], ...] = (
        {"vhost": "landfast", "user": "web"},
        {"vhost": "web", "user": "web"},
        {"vhost": "landfast", "user": "made_by_hand"},
    )
    refusals = 2
    seen: tuple[str, ...] = ()

    def do_GET(self) -> None:
        """Refuse while RabbitMQ starts, then answer."""
        if Pages.refusals:
            Pages.refusals -= 1
            self.send_error(503)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.held).encode())

    def do_DELETE(self) -> None:
        """Note what is taken away."""
        Pages.seen += (self.path,)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def pages() -> Iterator[str]:
    """The address of the management pages."""
    with HTTPServer(("127.0.0.1", 0), Pages) as running:
        threading.Thread(target=running.serve_forever).start()
        yield f"http://127.0.0.1:{running.server_port}/api"
        running.shutdown()


def test_permissions_that_no_contract_gives_any_more_are_taken_away(
    pages: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = entrypoint()
    monkeypatch.setattr(module, "PAGES", pages)

    module.take_away([{"vhost": "web", "user": "web"}], "only-for-tests", os.getpid(), patience=30)

    assert Pages.seen == ("/api/permissions/landfast/web",)


@pytest.mark.parametrize("vhost", list(QUEUES))
def test_operators_purge_and_publish_in_each_vhost_and_readers_in_none(vhost: str) -> None:
    found = permissions(vhost)
    assert found["operator"] == dict.fromkeys(RIGHTS, ".*")
    assert found.get("operator_reader", dict.fromkeys(RIGHTS, "^$")) == dict.fromkeys(RIGHTS, "^$")


def test_what_takes_permissions_away_ends_with_rabbitmq(monkeypatch: pytest.MonkeyPatch) -> None:
    module = entrypoint()
    monkeypatch.setattr(module, "PAGES", "http://127.0.0.1:1/api")

    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as server:
        assert server.stdout
        server.stdout.read()  # until it ends; nobody asks for its status
        module.take_away([], "only-for-tests", server.pid, patience=600)
