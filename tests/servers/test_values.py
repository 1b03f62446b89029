"""The inventory's settings are checked before the build, by the same rules as in the services."""

from __future__ import annotations

import copy
import functools
import re
from typing import Any

import pytest

from cli.console import StackError
from cli.servers import __main__ as servers
from cli.servers import configuration, values
from cli.servers.manifest import Manifest
from cli.settings import ROOT

Json = dict[str, Any]
#: The real function, which tests replace in the module.
READ = configuration.read

#: Reads of numbers and words in services, by landfast_runtime.env. No ``ast``: the host's Python may be too old for it.
NUMBERS = re.compile(r'\.integer\(\s*"(\w+)",[^)]*?minimum=([\d_]+),\s*maximum=([\d_]+)')
WORDS = re.compile(r'\.text\(\s*"(\w+)",[^()]*?choices=(\([^)]*\)|\w+)')
CODE = [path for folder in ("services", "libs") for path in (ROOT / folder).rglob("*.py") if "tests" not in path.parts]


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    return Manifest.read().complete({})


@pytest.fixture(scope="module")
def rules() -> Json:
    return configuration.setting_rules(without_settings())


@pytest.fixture(autouse=True)
def _asks_compose_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cache Compose's output without settings: Compose is slow."""
    monkeypatch.setattr(configuration, "read", lambda settings: READ(settings) if settings else without_settings())


@functools.cache
def without_settings() -> Json:
    return READ({})


def judge(settings: object, secrets: dict[str, str]) -> str:
    """Return the message about ``settings``; it is empty if they are valid."""
    try:
        servers.check_settings({"stack": "landfast", "settings": settings, "secrets": secrets, "variables": []})
    except StackError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"WORKR_REPLICAS": 3}, "WORKR_REPLICAS (is it WORKER_REPLICAS?) is no setting"),
        ({"HTTP_PORT": 80}, "HTTP_PORT is no setting"),
        ({"WORKER_REPLICAS": -1}, "WORKER_REPLICAS is '-1'; must be from 0 to 100"),
        ({"WORKER_REPLICAS": "many"}, "WORKER_REPLICAS is 'many'; must be a whole number"),
        ({"SMTP_TLS": "tls"}, "SMTP_TLS is 'tls'; must be one of none, starttls, implicit"),
        ({"SMTP_PORT": "abc"}, "SMTP_PORT is 'abc'; must be a whole number from 1 to 65535"),
        ({"SMTP_PORT": 99999}, "SMTP_PORT is '99999'; must be from 1 to 65535"),
        ({"LOG_LEVEL": "verbose"}, "LOG_LEVEL is 'verbose'; must be one of DEBUG, INFO, WARNING, ERROR"),
        ({"WEB_WORKERS": "x"}, "WEB_WORKERS is 'x'; must be a whole number"),
        ({"WEB_WORKERS": True}, "WEB_WORKERS is 'true'; must be a whole number"),
        ({"WEB_THREADS": 2.5}, "WEB_THREADS is '2.5'; must be a whole number"),
        ({"MAIL_FROM": ["a@b.test"]}, "MAIL_FROM is ['a@b.test']; must be text or a number"),
        ({"MAIL_FROM": "nobody"}, "MAIL_FROM is 'nobody'; must be like Example <hello@example.org>"),
        ({"PUBLIC_URL": "http://a b"}, "PUBLIC_URL is 'http://a b'; must be like https://www.example.org"),
        ({"PUBLIC_URL": "http://u:p@x.y"}, "PUBLIC_URL is 'http://u:p@x.y'; must be like"),
        ({"ALLOWED_HOSTS": "https://a.test"}, "ALLOWED_HOSTS is 'https://a.test'; must be like"),
        ({"MEDIA_STORAGE": "s3:bucket"}, "MEDIA_STORAGE is 's3:bucket'; must be like s3://BUCKET"),
        ({"MEDIA_PLACEMENT": "server-1"}, "MEDIA_PLACEMENT is 'server-1'; must be like node."),
        ({"SMTP_USER": "site"}, "SMTP_USER is set, and the vault has no smtp_password"),
        ("WORKER_REPLICAS=3", "landfast_settings must be names with their values"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(
    settings: object, said: str, secrets: dict[str, str]
) -> None:
    assert said in judge(settings, secrets)


def test_a_mistyped_variable_of_the_inventory_is_named() -> None:
    values.check_variables(["landfast_certificates", "landfast_secrets", "release_checks", "release_named"])
    with pytest.raises(StackError, match=r"nothing reads landfast_certificate \(is it landfast_certificates\?\)"):
        values.check_variables(["landfast_certificate", "landfast_domains"])


def test_all_wrong_settings_are_told_at_once(secrets: dict[str, str]) -> None:
    said = judge({"SMTP_TLS": "tls", "WEB_WORKERS": "x"}, secrets)
    assert "SMTP_TLS" in said
    assert "WEB_WORKERS" in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"WORKER_REPLICAS": "4", "API_REPLICAS": 0, "LOG_LEVEL": "DEBUG", "COOKIE_SECURE": True, "WEB_WORKERS": ""},
        {"SMTP_HOST": "smtp.example.org", "SMTP_PORT": 587, "SMTP_TLS": "starttls", "SMTP_USER": "site"},
        {"MAIL_FROM": "Example <hello@example.org>", "ALLOWED_HOSTS": "a.test, [::1],.b.test", "MEDIA_STORAGE": None},
        {"PUBLIC_URL": "https://a.test:8443/", "MEDIA_STORAGE": "s3://b?endpoint=https://s3.test&region=eu-1"},
        {"MEDIA_PLACEMENT": "node.platform.os == linux", "POSTGRES_DB": "any text"},
    ],
)
def test_right_settings_are_taken(settings: Json, secrets: dict[str, str]) -> None:
    assert judge(settings, {**secrets, "smtp_password": "s"}) == ""


def test_settings_that_follow_from_the_inventory_are_left_out_where_nobody_reads_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(configuration, "known", lambda: {"PUBLIC_URL", "POSTGRES_DB", "ACME_HOST"})
    derived = {"PUBLIC_URL": "https://a.test", "ADMIN_EMAIL": "a@a.test", "POSTGRES_DB": "a", "ACME_HOST": "a"}
    own = {"POSTGRES_DB": "b", "ACME_HOST": None, "ALLOWED_HOSTS": "a.test"}

    found = servers.settings_of({"derived": derived, "settings": own})

    assert found == {"PUBLIC_URL": "https://a.test", "POSTGRES_DB": "b", "ALLOWED_HOSTS": "a.test"}


def test_what_swarm_could_not_run_is_told_before_the_build(
    secrets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = configuration.read

    def unrunnable(settings: Json) -> Json:
        config = copy.deepcopy(read(settings))
        config["services"]["worker"]["privileged"] = True
        return config

    monkeypatch.setattr(configuration, "read", unrunnable)
    assert "worker: privileged: Swarm has nothing for it" in judge({}, secrets)


def test_a_secret_that_services_would_refuse_is_told_before_the_build(secrets: dict[str, str]) -> None:
    said = judge({}, {**secrets, "admin_password": "short"})
    assert "fewer than 16 characters for admin_password" in said
    assert "short" not in said.replace("shorter", ""), "no message contains a value"


@pytest.mark.parametrize("name", ["DEBUG_PAGES", "LIVE_RELOAD", "API_AUTORELOAD", "WORKER_AUTORELOAD"])
def test_what_only_a_laptop_wants_is_no_setting_of_a_server(secrets: dict[str, str], name: str) -> None:
    assert f"{name} is no setting" in judge({name: True}, secrets)


def test_every_rule_is_of_a_setting(rules: Json) -> None:
    assert set(rules) - configuration.known() == set()


def test_numbers_have_the_bounds_of_the_services(rules: Json) -> None:
    found = {
        name: (int(minimum), int(maximum))
        for path in CODE
        for name, minimum, maximum in NUMBERS.findall(path.read_text(encoding="utf-8"))
        if name in configuration.known()
    }
    assert len(found) > 7
    assert found == {name: (rules[name]["minimum"], rules[name]["maximum"]) for name in found}


def test_words_are_those_that_every_service_takes(rules: Json) -> None:
    checked = set()
    for path in CODE:
        source = path.read_text(encoding="utf-8")
        for name, choices in WORDS.findall(source):
            if name not in configuration.known():  # compose.yaml sets it
                continue
            if not choices.startswith("("):
                choices = re.findall(rf"^{choices} = (\(.*\))$", source, re.MULTILINE)[0]  # noqa: PLW2901
            assert set(rules[name]["choices"]) <= set(re.findall(r'"(\w+)"', choices)), f"{path}: {name}"
            checked.add(name)
    assert checked == {"LOG_LEVEL", "SMTP_TLS"}


def test_a_rule_says_nothing_of_a_value_that_is_not_set() -> None:
    values.check({"X": ""}, {"X": {"choices": ["a"]}}, ())
