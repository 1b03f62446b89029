"""Make the pictures of the documentation: ``python -m tests.browser.screenshots``, with a running stack.

Run it by the interpreter that ``./stack test`` made for tests; it holds the browser's driver. The pictures show the
stack that ``./stack up`` started, so they never show what is not there.
"""

from __future__ import annotations

from cli.settings import Settings
from tests.support import secrets
from tests.support.browser import DESKTOP, PHONE, browser, build_image, click, fill, see
from tests.support.site import Site
from tests.support.stack import ROOT, Ports, Stack
from tests.support.waiting import wait_until

IMAGES = ROOT / "docs" / "images"
SUMS = 12


def main() -> None:
    """Write the site on a desk and on a phone, and Flower with some work done, to docs/images/."""
    settings = Settings.read()
    ports = Ports(*(int(settings.ports[name]) for name in ("HTTP_PORT", "HTTPS_PORT", "MAIL_PORT")))
    stack = Stack(project=settings.project, ports=ports)
    build_image()
    IMAGES.mkdir(parents=True, exist_ok=True)
    take_site(stack, DESKTOP, "site-desktop")
    take_site(stack, PHONE, "site-phone")
    take_flower(stack, settings.admin_user)


def take_site(stack: Stack, size: tuple[int, int], name: str) -> None:
    """Take the home page in a window of ``size``."""
    with browser(size) as session:
        session.get(stack.http_url)
        see(session, "main a")
        session.save_screenshot(str(IMAGES / f"{name}.png"))


def take_flower(stack: Stack, admin: str) -> None:
    """Take Flower's list of tasks as staff see it."""
    site = Site(stack.http_url)
    locations = [site.send_task(number, number).headers["Location"] for number in range(SUMS)]
    wait_until(lambda: all(site.result(location) is not None for location in locations), 60, "some sums to show")
    with browser(DESKTOP) as session:
        session.get(f"{stack.http_url}/accounts/login/?next=/flower/tasks")
        fill(session, {"username": admin, "password": secrets.show(stack, "admin_password")})
        click(session, "button", "Log in")
        see(session, "td", "tasks.arithmetic.add")
        session.save_screenshot(str(IMAGES / "flower.png"))


if __name__ == "__main__":
    main()
