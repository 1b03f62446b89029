"""Settings come from the environment first, then from ``.env``, then from their defaults, as in Compose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.settings import Settings, ca_bundle, parse_env

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("HTTP_PORT=9090", "9090"),
        ("  export HTTP_PORT = 9090  ", "9090"),
        ('HTTP_PORT="9090"', "9090"),
        ("HTTP_PORT='9090' # mine", "9090"),
        ("HTTP_PORT=9090 # mine", "9090"),
        ("HTTP_PORT=", ""),
    ],
)
def test_it_reads_a_line_of_an_env_file(line: str, value: str) -> None:
    assert parse_env(line) == {"HTTP_PORT": value}


@pytest.mark.parametrize("line", ["# HTTP_PORT=9090", "", "no assignment", "9=9"])
def test_it_leaves_other_lines_to_compose(line: str) -> None:
    assert parse_env(line) == {}


def test_it_prefers_the_environment_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("HTTP_PORT=1111\nMAIL_PORT=2222\nCOMPOSE_PROJECT_NAME=\n", encoding="utf-8")
    settings = Settings.read({"HTTP_PORT": "3333"}, file)
    assert settings.ports == {"HTTP_PORT": "3333", "HTTPS_PORT": "8443", "MAIL_PORT": "2222"}
    assert settings.project == "landfast"
    assert settings.public_url == "http://localhost:3333"


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://mybox.lan:8080", "mybox.lan"),
        ("https://me@mybox.lan/", "mybox.lan"),
        ("http://[::1]:8080", "[::1]"),
        ("http://[::1", "localhost"),
        ("mybox.lan", "localhost"),
    ],
)
def test_the_stack_s_own_host_name_is_that_of_its_address(tmp_path: Path, address: str, host: str) -> None:
    assert Settings.read({"PUBLIC_URL": address}, tmp_path / "none").public_host == host


def test_it_takes_the_first_bundle_of_certificates_that_is_there(tmp_path: Path) -> None:
    empty, full = tmp_path / "empty.pem", tmp_path / "full.pem"
    empty.touch()
    full.write_text("certificates", encoding="ascii")
    variables = {"SSL_CERT_FILE": str(tmp_path / "none.pem"), "PIP_CERT": str(empty), "CURL_CA_BUNDLE": str(full)}
    assert ca_bundle(environ=variables) == full


def test_the_bundle_of_an_env_file_comes_before_the_machine_s_own(tmp_path: Path) -> None:
    mine, file = tmp_path / "mine.pem", tmp_path / ".env"
    mine.write_text("certificates", encoding="ascii")
    file.write_text(f"CA_BUNDLE={mine}\n", encoding="utf-8")

    assert ca_bundle(Settings.read({}, file).ca_bundle) == mine


def test_it_finds_variables_in_an_env_file_that_nothing_reads(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    lines = ("WORKR_CONCURRENCY=4", "REDIS_HOST=elsewhere", "WORKER_CONCURRENCY=4", "COMPOSE_PROFILES=dramatiq")
    file.write_text("\n".join(lines), encoding="utf-8")

    assert Settings.read({"NOBODY_READS": "this"}, file).unread == ("WORKR_CONCURRENCY", "REDIS_HOST")


@pytest.mark.parametrize("read", ["${MINE:-1}", "$MINE"])
def test_a_compose_file_of_the_user_s_own_may_read_variables_of_its_own(tmp_path: Path, read: str) -> None:
    compose, file = tmp_path / "mine.yaml", tmp_path / ".env"
    compose.write_text(f"services: {{mine: {{command: [sleep, '{read}']}}}}", encoding="utf-8")
    file.write_text(f"COMPOSE_FILE=compose.yaml:{compose}\nMINE=2\n", encoding="utf-8")

    assert Settings.read({}, file).unread == ()
