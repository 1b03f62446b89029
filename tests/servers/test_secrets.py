"""Secrets on servers: made once, encrypted at rest, named by versions that do not reveal the values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.console import StackError
from cli.servers import vault
from cli.servers.__main__ import names
from cli.servers.manifest import NAMING_KEY, Manifest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def manifest() -> Manifest:
    return Manifest.read()


@pytest.fixture
def password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("only for this test", encoding="ascii")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(file))
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "ansible"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def test_it_makes_what_is_missing_and_keeps_what_is_there(manifest: Manifest) -> None:
    first = manifest.complete({"admin_password": "mine"})

    assert first["admin_password"] == "mine"
    assert manifest.complete(first) == first
    assert len(first["django_secret_key"]) == 64


def test_optional_secrets_and_certificates_are_not_made(manifest: Manifest) -> None:
    assert not {"smtp_password", "tls_key", "ca_certificate"} & set(manifest.complete({}))


def test_a_vault_that_lacks_one_is_refused_by_name(manifest: Manifest) -> None:
    values = manifest.complete({})
    del values["redis_web_password"]

    with pytest.raises(StackError, match="landfast_secrets lacks redis_web_password"):
        manifest.check(values)


@pytest.mark.parametrize("value", [" early", "late ", "late\t", "late\r\n"])
def test_one_with_blanks_around_it_is_refused_without_telling_it(manifest: Manifest, value: str) -> None:
    with pytest.raises(StackError, match="blanks before or after redis_web_password") as refused:
        manifest.check({**manifest.complete({}), "redis_web_password": value})

    assert value.strip() not in str(refused.value)


def test_one_may_have_blanks_inside_and_end_its_line(manifest: Manifest) -> None:
    manifest.check({**manifest.complete({}), "redis_web_password": "a b, and 16 characters\n"})


def test_a_version_changes_with_its_own_value_alone(manifest: Manifest) -> None:
    values = manifest.complete({})
    before, after = manifest.versions(values), manifest.versions({**values, "redis_web_password": "another"})

    assert {name for name in before if before[name] != after[name]} == {"redis_web_password"}


def test_a_recorded_release_gets_its_own_derived_files_with_the_secrets_of_today(manifest: Manifest) -> None:
    values = {**manifest.complete({}), "gone_key": "a secret that no contract names any more"}
    script = "export REDIS_PASSWORD='{secret.redis_web_password}'\n"
    recorded = {"contents": {"shop.environment": script}, "secrets": ["shop.environment", "gone_key", "admin_password"]}
    given = {"stack": "landfast", "secrets": values}

    today, then = names(given), names({**given, "recorded": recorded})

    assert then["contents"] == {"shop.environment": f"export REDIS_PASSWORD='{values['redis_web_password']}'\n"}
    assert then["secrets"].keys() - today["secrets"].keys() == {"shop.environment", "gone_key"}
    assert not manifest.contents.keys() & then["secrets"].keys()
    assert then["secrets"]["admin_password"] == today["secrets"]["admin_password"]
    assert then["host_contents"] == today["host_contents"] == manifest.filled(values), "PostgreSQL only goes forward"


def test_a_release_older_than_that_record_keeps_the_files_that_swarm_has(manifest: Manifest) -> None:
    recorded = {"contents": {}, "secrets": ["nginx.conf", "admin_password"]}

    then = names({"stack": "landfast", "secrets": manifest.complete({}), "recorded": recorded})

    assert then["contents"] == {}
    assert then["secrets"].keys() == manifest.versions(manifest.complete({})).keys() - manifest.contents.keys()


def test_a_version_tells_nothing_of_the_value_to_who_lacks_the_key(manifest: Manifest) -> None:
    values = manifest.complete({})
    other = {**values, NAMING_KEY: "another key"}

    assert manifest.versions(values)["redis_web_password"] != manifest.versions(other)["redis_web_password"]


@pytest.mark.slow
@pytest.mark.usefixtures("password")
def test_the_vault_gives_back_what_was_put_in_and_shows_none_of_it(tmp_path: Path, manifest: Manifest) -> None:
    path = tmp_path / "group_vars" / "all" / "vault.yml"
    values = manifest.complete({})

    vault.write(path, values)

    text = path.read_text(encoding="utf-8")
    assert text.startswith("$ANSIBLE_VAULT;")
    assert not [value for value in values.values() if value in text]
    assert vault.read(path) == values
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("password")
def test_a_file_that_is_not_encrypted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vault.yml"
    path.write_text("landfast_secrets: {}\n", encoding="utf-8")

    with pytest.raises(StackError, match="is not encrypted"):
        vault.read(path)
