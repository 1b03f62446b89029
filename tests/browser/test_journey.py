"""One journey through the whole stack, as a person makes it."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.support.browser import click, fill, see

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

    from tests.conftest import Person
    from tests.support.stack import Stack


def test_a_visitor_registers_gets_mail_and_reads_what_the_admin_publishes(
    stack: Stack, chromium: WebDriver, person: Person, admin: Person
) -> None:
    register(chromium, stack, person)
    read_the_welcome_mail(chromium, stack, person)
    title = f"A new pier, number {token_hex(4)}"
    publish(chromium, stack, admin, title)
    read_the_article(chromium, stack, title)
    complain_about_nothing(chromium, stack)


def register(chromium: WebDriver, stack: Stack, person: Person) -> None:
    chromium.get(stack.http_url)
    click(chromium, "a", "Register")
    fill(chromium, {"username": person.name, "email": person.email})
    fill(chromium, {"password1": person.password, "password2": person.password})
    click(chromium, "button", "Register")
    see(chromium, "[role=status]", "Welcome aboard")
    see(chromium, "main", person.email)
    click(chromium, "button", "Log out")
    see(chromium, "a", "Log in")


def read_the_welcome_mail(chromium: WebDriver, stack: Stack, person: Person) -> None:
    chromium.get(f"http://localhost:{stack.ports.mail}")
    see(chromium, "body", person.email)
    chromium.find_element(By.XPATH, f"//*[contains(text(), '{person.email}')]").click()
    frame = see(chromium, "iframe")
    chromium.switch_to.frame(frame)
    see(chromium, "h1", person.name)
    chromium.switch_to.default_content()


def publish(chromium: WebDriver, stack: Stack, admin: Person, title: str) -> None:
    chromium.get(f"{stack.http_url}/admin/")
    fill(chromium, {"username": admin.name, "password": admin.password})
    click(chromium, "[type=submit]")
    see(chromium, ".model-article a.addlink, #content-main a.addlink", "Add")
    chromium.get(f"{stack.http_url}/admin/news/article/add/")
    fill(chromium, {"title": title, "summary": "It is longer than the old one.", "author_name": "The harbour office"})
    fill(
        chromium, {"body": "The new pier is open.\n\nIt is longer than the old one, and nobody has fallen off it yet."}
    )
    Select(see(chromium, "[name=status]")).select_by_value("published")
    click(chromium, "[name=_save]")
    see(chromium, ".messagelist .success", title)


def read_the_article(chromium: WebDriver, stack: Stack, title: str) -> None:
    chromium.get(stack.http_url)
    click(chromium, "main a", title)
    see(chromium, "h1", title)
    see(chromium, "main", "nobody has fallen off it yet")


def complain_about_nothing(chromium: WebDriver, stack: Stack) -> None:
    """The site's pages give the browser nothing to report: no missing file, nothing that their policy had to stop."""
    log = chromium.execute("getLog", {"type": "browser"})["value"]
    errors = [entry["message"] for entry in log if entry["level"] == "SEVERE"]
    # The machine's own networks come and go with containers; that says nothing of the site.
    errors = [error for error in errors if "ERR_NETWORK_CHANGED" not in error]
    assert not [error for error in errors if error.startswith(stack.http_url)]
