"""Make the pictures of the documentation: ``python -m tests.browser.screenshots``, with a running stack.

Run it by the interpreter that ``./stack test`` made for tests, which has the browser's driver. The pictures show the
stack that ``./stack up`` started, so they are always real. Chromium writes them as WebP, a fifth of the size of a PNG.
"""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

from cli.settings import Settings
from tests.support import secrets
from tests.support.browser import DESKTOP, PHONE, browser, build_image, click, fill, log_in, see
from tests.support.site import Site
from tests.support.stack import ROOT, Ports, Stack
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

IMAGES = ROOT / "docs" / "images"
SUMS = 12
QUALITY = 82

#: Returns whether every visible picture has been loaded.
LOADED = "return [...document.images].every(one => one.complete || one.loading === 'lazy')"


def main() -> None:
    """Write pictures of the site (desktop and phone, light and dark), the newsroom and Flower to docs/images/."""
    settings = Settings.read()
    ports = Ports(*(int(settings.ports[name]) for name in ("HTTP_PORT", "HTTPS_PORT", "MAIL_PORT")))
    stack = Stack(project=settings.project, ports=ports)
    build_image()
    IMAGES.mkdir(parents=True, exist_ok=True)
    take_site(stack, DESKTOP, "site-list")
    take_site(stack, DESKTOP, "site-dark", anchor="#articles", dark=True)
    take_site(stack, PHONE, "site-phone", anchor="#articles")
    take_article(stack, DESKTOP, "site-article")
    take_article(stack, PHONE, "site-phone-dark", dark=True)
    take_newsroom(stack)
    take_flower(stack, settings.operator)


def take_site(stack: Stack, size: tuple[int, int], name: str, anchor: str = "", *, dark: bool = False) -> None:
    """Take the front page in a window of ``size``."""
    with browser(size, dark=dark) as session:
        session.get(f"{stack.http_url}/{anchor}")
        see(session, "main .articles a")
        save(session, name)


def take_article(stack: Stack, size: tuple[int, int], name: str, *, dark: bool = False) -> None:
    """Take the first article with a cover."""
    with browser(size, dark=dark) as session:
        session.get(stack.http_url)
        click(session, ".articles article:has(.cover) h2 a")
        see(session, ".prose")
        save(session, name)


def take_newsroom(stack: Stack) -> None:
    """Take the list of articles as editors see it."""
    with browser(DESKTOP) as session:
        log_in(session, stack.http_url, "admin", secrets.show(stack, "admin_password"))
        session.get(f"{stack.http_url}/admin/news/article/")
        see(session, "#result_list")
        save(session, "newsroom")


def take_flower(stack: Stack, operator: str) -> None:
    """Take Flower's list of tasks as operators see it."""
    site = Site(stack.http_url)
    locations = [site.send_task(number, number).headers["Location"] for number in range(SUMS)]
    wait_until(lambda: all(site.result(location) is not None for location in locations), 60, "some sums to show")
    with browser(DESKTOP) as session:
        session.get(f"{stack.http_url}/console/login/?next=/flower/tasks")
        fill(session, {"login": operator, "password": secrets.show(stack, "operator_password")})
        click(session, "input[type=submit]")
        see(session, "td", "tasks.arithmetic.add")
        save(session, "flower")


def save(session: WebDriver, name: str) -> None:
    """Write a screenshot of the page, once its pictures are loaded."""
    wait_until(lambda: session.execute_script(LOADED), 10, "the page's pictures")
    options = {"format": "webp", "quality": QUALITY}
    taken = session.execute("executeCdpCommand", {"cmd": "Page.captureScreenshot", "params": options})
    (IMAGES / f"{name}.webp").write_bytes(b64decode(taken["value"]["data"]))


if __name__ == "__main__":
    main()
