"""One journey through the whole stack, like that of a real visitor."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.support.browser import click, fill, log_in, see
from tests.support.staff import employ
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from selenium.webdriver.remote.webdriver import WebDriver

    from tests.conftest import Person
    from tests.support.inbox import Inbox
    from tests.support.stack import Stack

ARTICLE = "What a landfast is"


def test_a_visitor_registers_verifies_comments_and_is_moderated(
    stack: Stack, chromium: WebDriver, inbox: Inbox, person: Person, make_person: Callable[[], Person]
) -> None:
    register(chromium, stack, person)
    read_the_welcome_mail(chromium, stack, person)
    verify(chromium, inbox, person)
    text = f"Ours has been there since 18{token_hex(4)}."
    comment(chromium, stack, text)
    see_no_comment(chromium, text)
    approve(chromium, stack, make_person(), text)
    read_the_comment(chromium, stack, person, text)
    complain_about_nothing(chromium, stack)


def register(chromium: WebDriver, stack: Stack, person: Person) -> None:
    chromium.get(stack.http_url)
    click(chromium, "a", "Register")
    fill(chromium, {"username": person.name, "email": person.email})
    fill(chromium, {"password1": person.password, "password2": "another one"})
    click(chromium, "main button", "Register")
    see(chromium, ".field.wrong .errorlist")
    assert see(chromium, "[name=email]").get_attribute("value") == person.email, "a mistake cost what was typed"
    fill(chromium, {"password1": person.password, "password2": person.password})
    click(chromium, "main button", "Register")
    see(chromium, "[role=status]", "Welcome aboard")
    see(chromium, "main", person.email)


def read_the_welcome_mail(chromium: WebDriver, stack: Stack, person: Person) -> None:
    chromium.get(f"http://localhost:{stack.ports.mail}")
    see(chromium, "body", person.email)
    chromium.find_element(By.XPATH, f"//*[contains(text(), '{person.email}')]").click()
    frame = see(chromium, "iframe")
    chromium.switch_to.frame(frame)
    see(chromium, "body", person.name)
    chromium.switch_to.default_content()


def verify(chromium: WebDriver, inbox: Inbox, person: Person) -> None:
    link = inbox.wait_for_mail(person.email).link
    chromium.get(link)
    see(chromium, "main", person.email)
    click(chromium, "main button", "confirm")
    see(chromium, "[role=status]", person.email)
    chromium.get(link)
    assert not chromium.find_elements(By.CSS_SELECTOR, "main form[method=post] [name=password]")
    assert "main" in chromium.page_source, "a link that was used shows no page"


def comment(chromium: WebDriver, stack: Stack, text: str) -> None:
    chromium.get(stack.http_url)
    click(chromium, "main a", ARTICLE)
    click(chromium, "a", "Write a comment")
    click(chromium, "main button", "Send")
    see(chromium, ".field.wrong .errorlist")
    fill(chromium, {"text": text})
    click(chromium, "main button", "Send")
    see(chromium, "[role=status]", "moderator")


def see_no_comment(chromium: WebDriver, text: str) -> None:
    see(chromium, "h1", ARTICLE)
    assert text not in see(chromium, "main").text, "a comment shows before a moderator has read it"


def approve(chromium: WebDriver, stack: Stack, moderator: Person, text: str) -> None:
    employ(stack, moderator, "moderator")
    log_in(chromium, stack.http_url, moderator.name, moderator.password)
    chromium.get(f"{stack.http_url}/admin/news/comment/?q={text.rsplit(maxsplit=1)[-1].rstrip('.')}")
    see(chromium, "#result_list", text)
    click(chromium, "#result_list .action-select")
    Select(see(chromium, "[name=action]")).select_by_value("approve")
    click(chromium, "button[name=index], .actions button")
    see(chromium, ".messagelist .success")


def read_the_comment(chromium: WebDriver, stack: Stack, person: Person, text: str) -> None:
    chromium.delete_all_cookies()
    chromium.get(stack.http_url)
    click(chromium, "main a", ARTICLE)
    address = chromium.current_url

    def shown() -> bool:
        chromium.get(address)
        return text in see(chromium, "main").text

    wait_until(shown, 5, "the comment on the page, which Nginx keeps for a second")
    assert person.name in see(chromium, "#comments").text


def complain_about_nothing(chromium: WebDriver, stack: Stack) -> None:
    """Check that the browser reports no error of the site's pages: no missing file, no violation of their policy."""
    log = chromium.execute("getLog", {"type": "browser"})["value"]
    errors = [entry["message"] for entry in log if entry["level"] == "SEVERE"]
    # This error is expected: the journey follows the link in the mail a second time.
    errors = [error for error in errors if "410 (Gone)" not in error]
    assert not [error for error in errors if error.startswith(stack.http_url)]
