"""The one-shot that makes a local stack's secrets once, each only for its services, and never overwrites one."""

from __future__ import annotations

import importlib.util
import json
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.contracts import repository

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_secrets", ROOT / "images/secrets/make_secrets.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "CONTRACTS", ROOT)
    for name in ("master", "services"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(module, name.upper(), tmp_path / name)
    return module


def make(maker: ModuleType) -> None:
    derived = repository()
    maker.make_missing(derived.declared)
    maker.hand_out(derived)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_it_gives_each_service_exactly_its_own(maker: ModuleType, tmp_path: Path) -> None:
    make(maker)
    derived = repository()
    optional = {name for name, secret in derived.declared.items() if secret.get("optional")}
    for service, files in derived.consumers.items():
        names = {path.name for path in (tmp_path / "services" / service).iterdir()}
        assert names == {name for name, secret in files.items() if secret not in optional}
    services = tmp_path / "services"
    assert (services / "web-django/postgres_password").read_text() == (services / "postgres/web").read_text()
    assert (services / "web-django/postgres_password").read_text() != (services / "postgres/web_owner").read_text()


def test_a_service_that_is_gone_leaves_no_copies(maker: ModuleType, tmp_path: Path) -> None:
    make(maker)
    left = tmp_path / "services/former/password"
    left.parent.mkdir()
    left.write_text("secret")

    make(maker)

    assert not left.parent.exists()


def test_it_names_the_services_whose_files_changed(maker: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert maker.main(["make"]) == 0
    assert "new files" not in capsys.readouterr().out, "nothing runs yet that has read others"
    assert maker.main(["make"]) == 0
    assert "new files" not in capsys.readouterr().out
    before = times(maker)
    (maker.MASTER / "redis_web_password").chmod(0o600)
    (maker.MASTER / "redis_web_password").write_text("another", encoding="utf-8")

    assert maker.main(["changes"]) == 0

    *_, said, changes = capsys.readouterr().out.splitlines()
    readers = {"redis-cache", *(name for name in before if name.startswith("web-"))} & set(before)
    changed = {name for name, time in json.loads(changes).items() if time != before[name]}
    assert {"redis-cache", "web-django"} <= changed <= readers | {"migrate-web"}
    assert said.startswith(f"secrets: new files for {', '.join(sorted(changed))}. ")


def times(maker: ModuleType) -> dict[str, float]:
    return {folder.name: folder.stat().st_mtime for folder in maker.SERVICES.iterdir()}


def test_a_contract_that_cannot_be_followed_changes_nothing(
    maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(maker)
    before = contents(tmp_path)
    (tmp_path / "compose.yaml").write_text("include: [{path: [compose.house.yaml, services/shop/compose.yaml]}]")
    (tmp_path / "compose.house.yaml").write_text("services: {}")
    monkeypatch.setattr(maker, "CONTRACTS", tmp_path)

    assert maker.main(["make"]) == 1
    assert "services/shop/compose.yaml: the file does not exist" in capsys.readouterr().err
    assert {path: text for path, text in contents(tmp_path).items() if not path.startswith("compose")} == before


def test_it_changes_nothing_the_second_time(maker: ModuleType, tmp_path: Path) -> None:
    make(maker)
    before = contents(tmp_path)
    make(maker)
    assert contents(tmp_path) == before


def test_it_finishes_what_an_interrupted_run_began(maker: ModuleType, tmp_path: Path) -> None:
    make(maker)
    before = contents(tmp_path)
    (tmp_path / "services/redis/api").unlink()
    (tmp_path / "services/nginx/.tls_key.new").write_text("half")
    make(maker)
    assert contents(tmp_path) == before


def test_it_repairs_an_emptied_copy(maker: ModuleType, tmp_path: Path) -> None:
    make(maker)
    before = contents(tmp_path)
    copy = tmp_path / "services/web-django/django_secret_key"
    copy.unlink()
    copy.write_text("")
    make(maker)
    assert contents(tmp_path) == before


def test_it_names_an_emptied_secret_and_the_way_out(maker: ModuleType, tmp_path: Path) -> None:
    make(maker)
    (tmp_path / "master/redis_web_password").unlink()
    (tmp_path / "master/redis_web_password").write_text("")
    with pytest.raises(maker.SecretError, match="redis_web_password: the secret is empty"):
        make(maker)


def test_it_hands_out_a_password_that_an_operator_sets(maker: ModuleType, tmp_path: Path) -> None:
    make(maker)
    maker.set_secret("smtp_password", "from the provider\n")
    make(maker)
    assert (tmp_path / "services/web-mail/smtp_password").read_text() == "from the provider"
    with pytest.raises(maker.SecretError, match="smtp_password"):
        maker.set_secret("smtp_password", "  \n")


@pytest.mark.parametrize("command", ["show", "set"])
def test_it_names_the_secrets_that_there_are_in_one_line(
    maker: ModuleType, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert maker.main([command, "admin_pasword"]) == 1

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("secrets: admin_pasword: no secret has this name (did you mean admin_password?)")
    assert "smtp_password" in shown.err
    assert shown.err.count("\n") == 1


def test_it_says_how_to_set_a_secret_that_nobody_has_set(maker: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    make(maker)
    capsys.readouterr()

    assert maker.main(["show", "smtp_password"]) == 1
    assert capsys.readouterr().err == (
        "secrets: smtp_password is not set. docker compose run --rm --no-deps -T secrets set smtp_password < FILE\n"
    )


def test_the_certificate_fits_its_key_and_its_authority(maker: ModuleType, tmp_path: Path) -> None:
    make(maker)
    master = tmp_path / "master"
    verify = ["openssl", "verify", "-CAfile", str(master / "ca_certificate"), "-verify_hostname", "localhost"]
    subprocess.run([*verify, str(master / "tls_certificate")], check=True, capture_output=True)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(master / "tls_certificate", master / "tls_key")


def test_a_new_host_name_brings_a_new_certificate_once(maker: ModuleType, tmp_path: Path) -> None:
    make(maker)
    declared, master = repository().declared, tmp_path / "master"
    before = (master / "tls_certificate").read_text()

    maker.make_missing(declared, ["shop.localhost", "www.shop.localhost"])
    after = (master / "tls_certificate").read_text()
    maker.make_missing(declared, ["www.shop.localhost"])

    assert before != after == (master / "tls_certificate").read_text()
    verify = ["openssl", "verify", "-CAfile", str(master / "ca_certificate"), "-verify_hostname", "shop.localhost"]
    subprocess.run([*verify, str(master / "tls_certificate")], check=True, capture_output=True)


def test_a_certificate_of_the_operator_s_own_stays(maker: ModuleType, tmp_path: Path) -> None:
    make(maker)
    own = tmp_path / "own.pem"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        [*new, "-keyout", "/dev/null", "-out", str(own), "-subj", "/CN=mine"], check=True, capture_output=True
    )
    maker.set_secret("tls_certificate", own.read_text())

    maker.make_missing(repository().declared, ["shop.localhost"])

    assert (tmp_path / "master/tls_certificate").read_text() == own.read_text().strip()
