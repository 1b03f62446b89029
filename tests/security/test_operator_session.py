"""The console's session opens the operators' pages: no other service gets to see it, the pages of others included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.stack import ROOT

if TYPE_CHECKING:
    from tests.support.site import Site

#: RabbitMQ refuses more bytes of cookies.
RABBITMQS_LIMIT = 4096


def test_rabbitmq_gets_no_cookie_of_an_operator(operator: Site) -> None:
    operator.session.cookies.set("other", "x" * (RABBITMQS_LIMIT + 1000))

    assert operator.get("/rabbitmq/").status_code == 200
    assert operator.get("/rabbitmq/api/overview").status_code == 200, "with a login that Nginx sends"


def test_the_check_of_an_operator_does_not_choose_the_cookies_of_the_page() -> None:
    # The check is a subrequest with an address of its own, and shares the variables of the request.
    text = (ROOT / "nginx/snippets/cookies.conf").read_text(encoding="utf-8")

    assert text.partition("$forwarded_cookies {\n")[2].lstrip().startswith("volatile;")
