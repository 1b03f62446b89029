"""An operator's second factor in a browser, and the one login for all operators' pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import console, operators
from tests.support.browser import click, fill, see

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

    from tests.support.stack import Stack

#: A security key whose button is always pressed: https://www.w3.org/TR/webauthn-3/#sctn-automation
KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def test_an_app_and_a_key_are_added_and_the_key_logs_in_to_all_pages(stack: Stack, chromium: WebDriver) -> None:
    name, password = operators.make(stack.execute)
    plug_in_key(chromium)
    log_in(chromium, stack, name, password)
    see(chromium, "#content-main")

    chromium.get(f"{stack.http_url}{operators.ACTIVATE}")
    secret = see(chromium, "#authenticator_secret").get_attribute("value")
    assert secret
    fill(chromium, {"code": operators.code(secret)})
    click(chromium, "#content button[type=submit]")
    codes = see(chromium, "#recovery_codes").get_attribute("value")
    assert codes
    assert len(codes.split()) == 10
    click(chromium, "#codes_saved")

    chromium.get(f"{stack.http_url}{operators.FACTOR}webauthn/add/")
    click(chromium, "#mfa_webauthn_add")
    see(chromium, "section", "You have added 1 security key")
    assert console.errors(chromium) == []

    chromium.delete_all_cookies()
    log_in(chromium, stack, name, password)
    click(chromium, "#mfa_webauthn_authenticate")
    see(chromium, "#content-main")
    chromium.get(f"{stack.http_url}/rabbitmq/")
    see(chromium, "#main h1", "Overview")
    chromium.get(f"{stack.http_url}/flower/workers")
    see(chromium, "#workers-table")
    assert console.errors(chromium) == []


def plug_in_key(session: WebDriver) -> None:
    """Give a browser a security key."""
    session.execute("executeCdpCommand", {"cmd": "WebAuthn.enable", "params": {}})
    session.execute("executeCdpCommand", {"cmd": "WebAuthn.addVirtualAuthenticator", "params": {"options": KEY}})


def log_in(session: WebDriver, stack: Stack, name: str, password: str) -> None:
    """Fill in the form of the login page."""
    session.get(f"{stack.http_url}{operators.LOGIN}")
    fill(session, {"login": name, "password": password})
    click(session, "input[type=submit]")
