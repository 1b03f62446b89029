"""The mail server, in the variables of a contract: ``{smtp.url}`` and its like."""

from __future__ import annotations

import subprocess

import pytest

from contract.derived import derive
from contract.environment import fill
from tests.support.contracts import HOUSE, refusal, shell, shop

#: A container's own variables.
INBOX = {
    "SMTP_HOST": "mail",
    "SMTP_PORT": "1025",
    "SMTP_TLS": "none",
    "SMTP_USER": "",
    "MAIL_FROM": "Landfast <hello@localhost>",
}
ABROAD = {**INBOX, "SMTP_HOST": "smtp.example.org", "SMTP_PORT": "587", "SMTP_USER": "it's+me@example.org %1"}


def filled(value: str, given: dict[str, str]) -> str:
    """Return what a variable of a service holds in a container that has others already."""
    contents = derive([HOUSE, shop(f'services: {{shop: {{x-environment: {{A: "{value}"}}}}}}')]).contents
    script = fill(contents["shop.with-environment"], {"smtp_password": "p@ss'w"}.__getitem__)
    return shell(script, "A", given=given)[0]


@pytest.mark.parametrize(
    ("value", "given", "expected"),
    [
        ("{smtp.host}:{smtp.port} {smtp.tls}", INBOX, "mail:1025 none"),
        ("{smtp.user}", INBOX, ""),
        ("{smtp.user}", ABROAD, ABROAD["SMTP_USER"]),
        ("{smtp.password}", ABROAD, "p@ss'w"),
        ("{smtp.url} {smtp.dsn}", INBOX, "smtp://mail:1025 smtp://mail:1025"),
        ("{mail_from}", INBOX, "Landfast <hello@localhost>"),
        ("{mail_from.address}", INBOX, "hello@localhost"),
        ("{mail_from.address}", {**INBOX, "MAIL_FROM": "shop@example.org"}, "shop@example.org"),
    ],
)
def test_a_service_gets_the_settings_of_the_mail_server(value: str, given: dict[str, str], expected: str) -> None:
    assert filled(value, given) == expected


@pytest.mark.parametrize(
    ("tls", "use_tls", "use_ssl", "url", "dsn"),
    [
        ("none", "false", "false", "smtp", "smtp"),
        ("starttls", "true", "false", "smtp+tls", "smtp"),
        ("implicit", "false", "true", "smtp+ssl", "smtps"),
    ],
)
def test_tls_is_said_in_the_words_of_those_who_read_it(
    tls: str, use_tls: str, use_ssl: str, url: str, dsn: str
) -> None:
    at = "it%27s%2Bme%40example.org%20%251:p%40ss%27w@smtp.example.org:587"

    assert filled("{smtp.use_tls} {smtp.use_ssl} {smtp.url} {smtp.dsn}", {**ABROAD, "SMTP_TLS": tls}).split() == [
        *(use_tls, use_ssl, f"{url}://{at}", f"{dsn}://{at}")
    ]


def test_a_container_that_knows_no_mail_server_stops_with_the_way_out() -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        filled("{smtp.url}", {})
    assert "SMTP_HOST: is not set: extend the template application" in caught.value.stderr


def test_a_misspelt_one_is_refused_with_the_nearest() -> None:
    assert "did you mean {smtp.password}?" in refusal('services: {shop: {x-environment: {A: "{smtp.pasword}"}}}')


@pytest.mark.parametrize(("value", "has"), [("{smtp.host}", False), ("{smtp.password}", True), ("{smtp.url}", True)])
def test_only_a_service_that_wants_the_password_gets_it(value: str, *, has: bool) -> None:
    contents = derive([HOUSE, shop(f'services: {{shop: {{x-environment: {{A: "{value}"}}}}}}')]).contents

    assert ("{secret.smtp_password" in contents["shop.with-environment"]) is has


def test_a_variable_of_a_container_s_own_name_changes_none_after_it() -> None:
    text = 'SMTP_TLS: "{smtp.use_tls}", MAIL_FROM: "{mail_from.address}", smtp_url: mine'
    text = f'{{{text}, A: "{{smtp.tls}} {{mail_from}} {{smtp.url}}"}}'
    script = derive([HOUSE, shop(f"services: {{shop: {{x-environment: {text}}}}}")]).contents["shop.with-environment"]

    assert shell(fill(script, lambda _: ""), "SMTP_TLS", "MAIL_FROM", "A", given=INBOX) == [
        "false",
        "hello@localhost",
        "none Landfast <hello@localhost> smtp://mail:1025",
    ]
