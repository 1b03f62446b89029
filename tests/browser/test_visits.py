"""Shorter journeys through the site: a forgotten password, another language, a search."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from selenium.webdriver.common.by import By

from tests.support.browser import click, fill, log_in, see
from tests.support.site import Site

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

    from tests.conftest import Person
    from tests.support.inbox import Inbox
    from tests.support.stack import Stack


def test_somebody_who_forgot_a_password_gets_a_link_by_mail(
    stack: Stack, chromium: WebDriver, inbox: Inbox, person: Person
) -> None:
    assert Site(stack.http_url).register(person.name, person.email, person.password).status_code == 302
    inbox.wait_for_mail(person.email)
    chromium.get(f"{stack.http_url}/accounts/login/")
    click(chromium, "main a", "Forgot")
    fill(chromium, {"email": person.email})
    click(chromium, "main button", "Send")
    see(chromium, "h1")
    link = inbox.wait_for_mail(person.email, subject="password").link
    chromium.get(link)
    new = f"{person.password}-2"
    fill(chromium, {"new_password1": new, "new_password2": new})
    click(chromium, "main button")
    see(chromium, "[role=status]", "new password")
    log_in(chromium, stack.http_url, person.name, new)
    response = Site(stack.http_url).submit("/accounts/login/", {"username": person.name, "password": person.password})
    assert response.status_code == 200, "the old password still opens the account"


def test_a_reader_changes_the_language_and_it_stays(stack: Stack, chromium: WebDriver) -> None:
    chromium.get(stack.http_url)
    assert see(chromium, "html").get_attribute("lang") == "en"
    see(chromium, ".account a", "Register")
    click(chromium, ".languages button", "Русский")
    see(chromium, "html[lang=ru]")
    chromium.get(f"{stack.http_url}/accounts/register/")
    see(chromium, "html[lang=ru]")
    assert "Register" not in see(chromium, "body").text
    click(chromium, "main button")
    assert re.search(r"[\u0430-\u044f]", see(chromium, ".errorlist").text), "errors are not in Russian"
    click(chromium, ".languages button", "English")
    see(chromium, "html[lang=en]")
    see(chromium, "main button", "Register")


def test_a_reader_finds_a_note_by_words_in_another_form(stack: Stack, chromium: WebDriver) -> None:
    chromium.get(stack.http_url)
    click(chromium, "header a", "Search")
    fill(chromium, {"q": "polishing the ropes"})
    click(chromium, "main button")
    found = see(chromium, ".found h3 a")
    assert found.text == "What a landfast is"
    marked = {mark.text.lower() for mark in chromium.find_elements(By.CSS_SELECTOR, ".found mark")}
    assert {"polished", "rope"} <= marked
    found.click()
    see(chromium, "h1", "What a landfast is")


def test_a_search_for_what_is_not_there_says_so(stack: Stack, chromium: WebDriver) -> None:
    chromium.get(f"{stack.http_url}/search/?q=xylophone")
    assert see(chromium, "main h2").text.lower() == "0 notes found"
    assert not chromium.find_elements(By.CSS_SELECTOR, ".found article")
