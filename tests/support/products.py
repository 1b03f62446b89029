"""The third-party products in tests/products: a repository for their contracts, and what people do with them."""

from __future__ import annotations

import re
import shutil
from base64 import b64decode
from http import HTTPStatus
from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cli.app import lists
from contract.files import HOUSE, LIST
from tests.support.scenario import NAME
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from tests.support.inbox import Inbox, Mail
    from tests.support.site import Site
    from tests.support.upgrades import Work

FOLDER = "tests/products"
NAMES = ("wagtail", "pretix")
#: Words of each product's first page.
WORDS = {"wagtail": "Welcome to your new Wagtail site!", "pretix": "pretix"}
#: The page of each product where its staff log in.
LOGIN = {"wagtail": "/admin/login/", "pretix": "/control/login"}
#: Their names in the report of ``/readyz``.
READINESS = {"wagtail", "pretix", "pretix-worker"}
#: pretix' first account.
ADMIN = "admin@localhost"
#: Runs a command in a product's container with the variables of its contract.
FILLED = ("sh", "/run/secrets/with-environment")
#: A picture of one pixel.
PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
#: The line of pretix' worker that has sent a mail.
SENT = re.compile(r"Task pretix\.base\.services\.mail\.mail_send_task\[\S+\] succeeded")
_SHEET = re.compile(r'href="(/static/[^"]+\.css)"')
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Execute(Protocol):
    """Runs a command in a container of a service, and returns what it printed."""

    def __call__(self, service: str, *command: str) -> str:
        """Run it."""


class Account(NamedTuple):
    """The account that may log in to a product's admin."""

    name: str
    email: str
    password: str


def files(name: str = "compose.yaml") -> tuple[str, ...]:
    """Return the products' Compose files of one name, relative to the repository."""
    return tuple(f"{FOLDER}/{product}/{name}" for product in NAMES)


def make_root(folder: Path) -> Path:
    """Make an empty folder look like a repository with only the products, for code that reads contracts."""
    (folder / "tests").mkdir()
    (folder / FOLDER).symlink_to(ROOT / FOLDER)
    (folder / HOUSE).symlink_to(ROOT / HOUSE)
    (folder / LIST).symlink_to(ROOT / FOLDER / "applications.yaml")
    return folder


def host_name(name: str) -> str:
    """Return a product's name on the servers of tests."""
    return f"{name}.{NAME}"


def move_in(work: Work) -> None:
    """Make the products applications of a checkout as their files say, with names for servers beside the laptop's.

    Args:
        work: the checkout; the caller commits.
    """
    for name in NAMES:
        room = f"services/{name}"
        shutil.copytree(ROOT / FOLDER / name, work.root / room, ignore=shutil.ignore_patterns("__pycache__"))
        work.replace(f"{room}/{LIST}", f"./{FOLDER}/{name}", f"./{room}")
        work.replace(f"{room}/{LIST}", f"hosts: [{name}.localhost]", f"hosts: [{name}.localhost, {host_name(name)}]")
        lists.write(lists.added(work.root, name, lists.LISTS))


def style_sheet(site: Site, page: str) -> requests.Response:
    """Return the first style sheet of a product's page."""
    sheet = _SHEET.search(site.get(page).text)
    assert sheet, f"{page} names no style sheet"
    return site.get(sheet[1])


def make_editor(execute: Execute) -> Account:
    """Make the first account of Wagtail as its documentation says, and return it."""
    account = Account("editor", "editor@example.org", token_hex(12))
    make = ("python", "manage.py", "createsuperuser", "--noinput", f"--username={account.name}")
    password = ("env", f"DJANGO_SUPERUSER_PASSWORD={account.password}")
    execute("wagtail", *FILLED, *password, *make, f"--email={account.email}")
    return account


def log_in_to_pretix(site: Site, password: str) -> None:
    """Log in to pretix with the password that the stack made."""
    logged_in = site.submit(LOGIN["pretix"], {"email": ADMIN, "password": password})
    assert logged_in.status_code == HTTPStatus.FOUND, "the login was refused"


def upload(site: Site, page: str, title: str, name: str, content: bytes) -> None:
    """Send a file by one of Wagtail's forms."""
    token = _TOKEN.search(site.get(page).text)
    assert token, f"no form on {page}"
    fields = {"csrfmiddlewaretoken": token[1], "title": title}
    answer = site.post(page, data=fields, files={"file": (name, content)}, headers={"Referer": site.url + page})
    assert answer.status_code == HTTPStatus.FOUND, answer.text


def upload_picture(site: Site) -> str:
    """Send Wagtail a picture as an editor, and return its address."""
    name = f"{token_hex(4)}.png"
    upload(site, "/admin/images/add/", "A pixel", name, PNG)
    return f"/media/original_images/{name}"


def ask_wagtail_for_mail(site: Site, editor: Account, inbox: Inbox) -> Mail:
    """Forget an editor's password, and return the mail that Wagtail sends."""
    site.submit("/admin/password_reset/", {"email": editor.email})
    return inbox.wait_for_mail(editor.email)


def ask_pretix_for_mail(site: Site, inbox: Inbox) -> Mail:
    """Forget the first account's password, and return the mail that pretix' worker sends."""
    site.submit("/control/forgot", {"email": ADMIN})
    return inbox.wait_for_mail(ADMIN)


def workers(operator: Site) -> list[str]:
    """Return the workers that the Flower of pretix' vhost sees."""
    return list(operator.get("/flower/vhost/pretix/api/workers", params={"refresh": "1"}).json())
