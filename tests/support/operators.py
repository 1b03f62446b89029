"""Operators of the console: they are made in it, and log in with a password and, if required, a second factor."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from html import unescape
from secrets import token_hex, token_urlsafe
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.site import Site

LOGIN, FACTOR = "/console/login/", "/console/second-factor/"
ACTIVATE = f"{FACTOR}totp/activate/"
#: The groups of operators who may steer and read, and of those who may only read.
STEERER, READER = "operator", "reader"

MAKE = """
from django.contrib.auth.models import Group, User
user = User.objects.create_user({name!r}, "", {password!r}, is_staff=True, is_superuser={is_superuser})
user.groups.set(Group.objects.filter(name={group!r}))
"""


def make(execute: Callable[..., str], group: str = "") -> tuple[str, str]:
    """Make an operator, and return the name and the password.

    Args:
        execute: runs a command in the container of a service, whose name is its first argument.
        group: the operator's group; by default it is a superuser without any.
    """
    name, password = f"operator-{token_hex(4)}", token_urlsafe(16)
    code = MAKE.format(name=name, password=password, group=group, is_superuser=not group)
    execute("console", "python", "manage.py", "shell", "--verbosity=0", "--command", code)
    return name, password


def log_in(site: Site, name: str, password: str) -> Site:
    """Log an operator in; if a second factor is required, they add an authenticator app."""
    answer = site.submit(LOGIN, {"login": name, "password": password})
    assert answer.status_code == 302, "the login was refused"
    if site.get("/console/").headers.get("Location") == FACTOR:
        add_factor(site)
    return site


def add_factor(site: Site) -> str:
    """Add an authenticator app, and return its secret."""
    page = site.get(ACTIVATE)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    secret = re.search(r'value="([A-Z2-7]{32})"', page.text)
    assert token, page.text
    assert secret, page.text
    form = {"csrfmiddlewaretoken": unescape(token[1]), "code": code(secret[1])}
    answer = site.post(ACTIVATE, data=form, headers={"Referer": page.url})
    assert answer.status_code == 302, "the code was refused"
    return secret[1]


def code(secret: str) -> str:
    """Return the code that an authenticator app shows now: RFC 6238."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"
