"""Two products of others work by their contracts: they have what they ask for, and nothing of each other's."""

from __future__ import annotations

import re
from http import HTTPStatus
from secrets import token_hex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.conftest import log_in_to_console
from tests.support import secrets
from tests.support.forms import wait_ready
from tests.support.products import (
    ADMIN,
    FILLED,
    LOGIN,
    NAMES,
    PNG,
    READINESS,
    SENT,
    WORDS,
    ask_pretix_for_mail,
    ask_wagtail_for_mail,
    log_in_to_pretix,
    make_editor,
    style_sheet,
    upload,
    upload_picture,
    workers,
)
from tests.support.site import Site
from tests.support.stack import CommandError
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.inbox import Inbox
    from tests.support.products import Account
    from tests.support.stack import Stack

#: pretix' queues. Source: CELERY_TASK_QUEUES in its settings
QUEUES = {"default", "checkout", "mail", "background", "notifications"}


def visitor(stack: Stack, name: str) -> Site:
    """Return somebody who comes to an application at its host name."""
    site = Site(stack.http_url)
    site.session.headers["Host"] = f"{name}.localhost:{stack.ports.http}"
    return site


@pytest.fixture(scope="module")
def editor(products: Stack) -> Account:
    """The first account of Wagtail, made as its documentation says."""
    return make_editor(products.execute)


@pytest.fixture
def wagtail(products: Stack, editor: Account) -> Site:
    """Somebody who has logged in to Wagtail's admin."""
    site = visitor(products, "wagtail")
    site.log_in(editor.name, editor.password, LOGIN["wagtail"])
    return site


@pytest.fixture
def pretix(products: Stack) -> Site:
    """Somebody who has logged in to pretix with the password that the stack made."""
    site = visitor(products, "pretix")
    log_in_to_pretix(site, secrets.show(products, "pretix_admin_password"))
    return site


@pytest.mark.parametrize("name", NAMES)
def test_its_front_page_is_at_its_host_name(products: Stack, name: str) -> None:
    page = visitor(products, name).get("/")

    assert page.status_code == HTTPStatus.OK
    assert WORDS[name] in page.text


def test_both_are_ready_and_nothing_of_the_demo_is_there(products: Stack) -> None:
    report = wait_ready(products)

    house = {"postgres", "redis", "redis-cache", "rabbitmq", "relay", "outbox"}
    assert report["status"] == "ready"
    assert set(report["dependencies"]) == house | READINESS


@pytest.mark.parametrize("name", NAMES)
def test_its_pages_find_their_static_files(products: Stack, name: str) -> None:
    answer = style_sheet(visitor(products, name), LOGIN[name])

    assert answer.status_code == HTTPStatus.OK
    assert answer.headers["Content-Type"].startswith("text/css")


def test_an_editor_sees_wagtail_s_admin(wagtail: Site) -> None:
    assert wagtail.get("/admin/").status_code == HTTPStatus.OK


def test_wagtail_keeps_a_picture_and_nginx_serves_it(wagtail: Site) -> None:
    answer = wagtail.get(upload_picture(wagtail))

    assert (answer.content, answer.headers["Content-Type"]) == (PNG, "image/png")


def test_wagtail_alone_hands_out_documents(wagtail: Site) -> None:
    name = token_hex(4)
    upload(wagtail, "/admin/documents/add/", "A letter", f"{name}.txt", b"Dear reader")
    link = re.search(rf'"(?:https?://[^/"]+)?(/documents/\d+/{name}\.txt)"', wagtail.get("/admin/documents/").text)
    assert link

    assert wagtail.get(link[1]).content == b"Dear reader"
    assert wagtail.get(f"/media/documents/{name}.txt").status_code == HTTPStatus.NOT_FOUND


def test_wagtail_sends_mail_with_links_to_its_host_name(products: Stack, editor: Account, inbox: Inbox) -> None:
    link = ask_wagtail_for_mail(visitor(products, "wagtail"), editor, inbox).link

    assert link.startswith(f"http://wagtail.localhost:{products.ports.http}/admin/password_reset/confirm/")


def test_wagtail_keeps_its_cache_in_redis(products: Stack) -> None:
    script = "from django.core.cache import cache; cache.set('word', 'hello'); print(cache.get('word'))"
    shell = ("python", "manage.py", "shell", "--no-imports", "--command", script)

    assert products.execute("wagtail", *FILLED, *shell).strip() == "hello"


def test_pretix_s_first_password_is_not_the_one_that_everybody_knows(products: Stack) -> None:
    site = visitor(products, "pretix")

    refused = site.submit(LOGIN["pretix"], {"email": ADMIN, "password": "admin"})

    assert refused.status_code == HTTPStatus.OK


def test_pretix_keeps_a_logo_and_nginx_serves_it(products: Stack, pretix: Site) -> None:
    pretix.submit("/control/sudo/", {})
    slug = f"shop-{token_hex(4)}"
    made = pretix.submit("/control/organizers/add", {"name": "A shop", "slug": slug})
    assert made.status_code == HTTPStatus.FOUND, made.text
    token = {"X-CSRFToken": pretix.session.cookies["pretix_csrftoken"]}
    file = {"Content-Type": "image/png", "Content-Disposition": 'attachment; filename="pixel.png"'}
    sent = pretix.post("/api/v1/upload", data=PNG, headers=token | file)
    assert sent.status_code == HTTPStatus.CREATED, sent.text
    settings = {"organizer_logo_image": sent.json()["id"]}
    answer = pretix.request("PATCH", f"/api/v1/organizers/{slug}/settings/", json=settings, headers=token)
    assert answer.status_code == HTTPStatus.OK, answer.text

    assert pretix.get(urlsplit(answer.json()["organizer_logo_image"]).path).content == PNG
    (kept,) = products.execute("pretix", "find", "/var/lib/pretix/media/cachedfiles", "-type", "f").splitlines()
    private = kept.removeprefix("/var/lib/pretix")
    assert pretix.get(private).status_code == HTTPStatus.NOT_FOUND


def test_pretix_s_worker_sends_mail_with_links_to_its_host_name(products: Stack, inbox: Inbox) -> None:
    link = ask_pretix_for_mail(visitor(products, "pretix"), inbox).link

    assert link.startswith(f"http://pretix.localhost:{products.ports.http}/control/forgot/recover?")
    wait_until(lambda: SENT.search(products.logs("pretix-worker")), 20, "the worker to say that it is done")


def queues(stack: Stack, vhost: str) -> dict[str, int]:
    """Return the queues of a vhost and how many consume each."""
    listing = ("rabbitmqctl", "--quiet", "list_queues", "--no-table-headers", f"--vhost={vhost}", "name", "consumers")
    rows = [row.split("\t") for row in stack.execute("rabbitmq", *listing).splitlines()]
    return {name: int(consumers) for name, consumers in rows}


def test_pretix_s_queues_are_consumed_in_its_own_vhost(products: Stack) -> None:
    own, shared = queues(products, "pretix"), queues(products, "landfast")

    assert {name: own.get(name) for name in QUEUES} == dict.fromkeys(QUEUES, 1)
    assert not QUEUES & shared.keys()


@pytest.mark.parametrize("name", NAMES)
def test_its_periodic_command_runs_in_time_and_stops_when_it_is_asked(products: Stack, name: str) -> None:
    service = f"{name}-periodic"
    products.execute(service, "sh", "/run/secrets/periodically", "--health")

    products.stop(service)
    ended = products.inspect(service)["State"]["ExitCode"]
    products.start(service)

    assert ended == 0, "it was killed"


@pytest.mark.parametrize(
    ("service", "driver", "prefix", "other"),
    [("wagtail", "psycopg", "", "pretix"), ("pretix", "psycopg2", "PRETIX_", "wagtail")],
)
def test_it_cannot_enter_the_database_of_the_other(
    products: Stack, service: str, driver: str, prefix: str, other: str
) -> None:
    given = ", ".join(f"{key}=os.environ['{prefix}DATABASE_{key.upper()}']" for key in ("host", "user", "password"))
    script = f"import os, {driver}; {driver}.connect({given}, dbname='{other}')"

    with pytest.raises(CommandError, match=f'permission denied for database "{other}"'):
        products.execute(service, *FILLED, "python", "-c", script)


@pytest.mark.parametrize("page", ["/console/outbox/task/", "/flower/", "/flower/vhost/pretix/", "/rabbitmq/"])
def test_operators_have_their_pages(products: Stack, page: str) -> None:
    operator = log_in_to_console(products, Site(products.http_url))

    assert operator.get(page).status_code == HTTPStatus.OK


def test_operators_see_pretix_worker_in_the_flower_of_its_vhost(products: Stack) -> None:
    operator = log_in_to_console(products, Site(products.http_url))

    wait_until(lambda: len(workers(operator)) == 1, 30, lambda: f"one worker: {workers(operator)}")
