"""Debian's Chromium in a container on the host's own network, driven over the WebDriver protocol."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.proxy import Proxy, ProxyType
from selenium.webdriver.remote.client_config import ClientConfig

from tests.support import tool_image
from tests.support.ports import free_ports
from tests.support.site import Site
from tests.support.stack import PREFIX, ROOT, docker
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver.remote.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

IMAGE = f"{PREFIX}browser"
OUTPUT = ROOT / "tests" / "output"

#: The path of ``OUTPUT`` in the browser's container: forms upload files from there.
FILES = "/files"

#: Chromium aborts requests when a network is added or removed (ERR_NETWORK_CHANGED), which other tests do when they
#: start containers. The system calls for such notifications (AF_NETLINK) are refused, so Chromium assumes that the
#: network never changes: AddressTrackerLinux::AbortAndForceOnline.
UNAWARE = f"--security-opt=seccomp={ROOT / 'tests' / 'browser' / 'no-netlink.json'}"

#: The limits of a browser's container.
LIMITS = ("--network=host", UNAWARE, "--read-only", "--tmpfs=/tmp:size=512m,mode=1777", "--cap-drop=ALL")

#: Seconds: for the driver to come up, for something to appear on a page, for a script.
START, APPEARS, SCRIPT = 30, 20, 60

DESKTOP, PHONE = (1280, 900), (390, 844)

#: No background connections, and no sandbox of its own, because the container is one.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
    "--force-prefers-reduced-motion",
    "--hide-scrollbars",
)


def build_image() -> None:
    """Build the browser's image; the builder's cache has unchanged layers."""
    tool_image.build(IMAGE, "tests/browser")


@contextmanager
def browser(size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> Iterator[WebDriver]:
    """Yield a fresh browser with a window of ``size``, and remove it and its profile at the end.

    Args:
        size: the size of its page; that of a phone makes it a phone.
        dark: whether its user prefers dark pages.
    """
    (port,) = free_ports(1)
    name = f"{PREFIX}{os.getpid()}-browser-{port}"
    OUTPUT.mkdir(exist_ok=True)
    options = ["--rm", "--detach", "--init", *LIMITS, f"--volume={OUTPUT}:{FILES}:ro"]
    docker("run", *options, f"--name={name}", IMAGE, f"--port={port}")
    try:
        driver = Site(f"http://127.0.0.1:{port}")
        wait_until(lambda: driver.probe("/status"), START, "the browser's driver")
        with _session(port, size) as session:
            prefer(session, dark=dark)
            yield session
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


@contextmanager
def _session(port: int, size: tuple[int, int]) -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (*FLAGS, f"--window-size={size[0]},{size[1]}"):
        options.add_argument(flag)
    address = f"http://127.0.0.1:{port}"
    config = ClientConfig(remote_server_addr=address, proxy=Proxy({"proxyType": ProxyType.DIRECT}))
    session = webdriver.Remote(command_executor=address, options=options, client_config=config)
    try:
        session.set_script_timeout(PATIENCE * SCRIPT)
        resize(session, size)
        yield session
    finally:
        session.quit()


def resize(session: WebDriver, size: tuple[int, int]) -> None:
    """Set the size of the page itself; a window's size includes its frame."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
    session.execute("executeCdpCommand", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})


def prefer(session: WebDriver, *, dark: bool) -> None:
    """Ask pages for dark or light colours from now on."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    media = {"features": [scheme, {"name": "prefers-reduced-motion", "value": "reduce"}]}
    session.execute("executeCdpCommand", {"cmd": "Emulation.setEmulatedMedia", "params": media})


def see(session: WebDriver, selector: str, text: str = "") -> WebElement:
    """Return the first visible element of a CSS selector that contains a text, once there is one."""

    def found() -> WebElement | None:
        try:
            elements = session.find_elements(By.CSS_SELECTOR, selector)
            return next((each for each in elements if each.is_displayed() and text in each.text), None)
        except WebDriverException as error:
            if not _page_changed(error):
                raise
            return None

    return wait_until(found, APPEARS, lambda: f"{selector} with {text!r} on {session.current_url}")


def _page_changed(error: WebDriverException) -> bool:
    """Return whether the page was replaced during the search; Chromium has a separate message for frames."""
    return isinstance(error, StaleElementReferenceException) or "does not belong to the document" in (error.msg or "")


def click(session: WebDriver, selector: str, text: str = "") -> None:
    """Click on the element from :func:`see`, scrolled to the middle of the window, where nothing covers it."""
    element = see(session, selector, text)
    session.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
    element.click()


def fill(session: WebDriver, fields: dict[str, str]) -> None:
    """Type into a form's fields, by their names."""
    for name, value in fields.items():
        field = see(session, f"[name={name}]")
        field.clear()
        field.send_keys(value)


def log_in(session: WebDriver, url: str, username: str, password: str) -> None:
    """Log in on the site's own page, after a log-out if necessary."""
    session.delete_all_cookies()
    session.get(f"{url}/accounts/login/")
    fill(session, {"username": username, "password": password})
    click(session, "main button", "Log in")
    see(session, ".account button", "Log out")


def be(session: WebDriver, visitor: Site) -> None:
    """Continue as a visitor who has logged in without the browser."""
    session.get(f"{visitor.url}/accounts/login/")  # cookies can be set for the site of the current page only
    for name, value in visitor.session.cookies.items():
        session.add_cookie({"name": name, "value": value})


def picture(session: WebDriver, name: str) -> None:
    """Save a screenshot of the page as a file."""
    OUTPUT.mkdir(exist_ok=True)
    session.save_screenshot(str(OUTPUT / f"{name}.png"))
