"""The exact arguments of the commands that run on the user's machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli import base_image, compose, host, process
from cli.network import Mirrors
from cli.settings import ROOT

COMPOSE = ["docker", "compose", "--project-directory", str(ROOT)]
ARCHIVE = Path("/var/tmp/base.tar")  # noqa: S108 - only a name
MIRRORS = Mirrors("http://mirror.example/debian", "http://mirror.example/security")


def test_it_builds_all_images() -> None:
    assert compose.build() == [*COMPOSE, "build"]


def test_it_starts_without_building_again_and_waits_for_a_bounded_time() -> None:
    assert compose.up() == [*COMPOSE, "up", "--detach", "--no-build", "--wait", "--wait-timeout", "900"]


def test_it_keeps_data_unless_told_otherwise() -> None:
    assert compose.down(volumes=False) == [*COMPOSE, "--profile=*", "down", "--remove-orphans"]
    assert compose.down(volumes=True) == [*COMPOSE, "--profile=*", "down", "--remove-orphans", "--volumes"]


def test_it_shows_a_secret_without_starting_anything_else() -> None:
    assert compose.show_secret("admin_password") == [
        *COMPOSE, "run", "--rm", "--no-deps", "-T", "secrets", "show", "admin_password",
    ]  # fmt: skip


def test_it_makes_a_base_from_the_machines_own_mirrors() -> None:
    signed = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    command = base_image.mmdebstrap(ARCHIVE, MIRRORS)
    assert command[:3] == ["mmdebstrap", "--quiet", "--variant=minbase"]
    assert "--dpkgopt=path-exclude=/usr/share/man/*" in command
    assert "--dpkgopt=path-include=/usr/share/doc/*/copyright" in command
    assert command[-5:] == [
        "trixie",
        str(ARCHIVE),
        f"deb {signed} http://mirror.example/debian trixie main",
        f"deb {signed} http://mirror.example/debian trixie-updates main",
        f"deb {signed} http://mirror.example/security trixie-security main",
    ]


def test_it_gives_the_base_certificates_only_where_its_mirror_needs_them() -> None:
    certificates = "--include=ca-certificates"
    assert certificates not in base_image.mmdebstrap(ARCHIVE, MIRRORS)
    assert certificates in base_image.mmdebstrap(ARCHIVE, Mirrors("https://mirror.example/debian"))


def test_it_leaves_security_out_where_no_mirror_of_it_is_known() -> None:
    assert not any("security" in source for source in base_image.sources(Mirrors("http://mirror.example/debian")))


def test_it_imports_a_base_under_a_name_of_its_own() -> None:
    assert base_image.LOCAL_IMAGE == "landfast-base:trixie"
    assert compose.import_image(ARCHIVE, base_image.LOCAL_IMAGE) == [
        "docker", "import", "--change", 'CMD ["bash"]', str(ARCHIVE), "landfast-base:trixie",
    ]  # fmt: skip


@pytest.mark.parametrize(("image", "replaceable"), [("debian:trixie-slim", True), ("registry.example/base:1", False)])
def test_it_replaces_only_the_default_base(image: str, *, replaceable: bool) -> None:
    assert base_image.is_replaceable(image) is replaceable


def test_it_hands_base_and_certificates_to_compose() -> None:
    assert compose.environment("landfast-base:trixie", None) == {"BASE_IMAGE": "landfast-base:trixie"}
    assert compose.environment("debian:trixie-slim", Path("/etc/ssl/bundle.pem")) == {
        "BASE_IMAGE": "debian:trixie-slim",
        "CA_BUNDLE": "/etc/ssl/bundle.pem",
    }


def test_it_applies_the_playbook_to_this_machine_alone() -> None:
    command = host.playbook(Path("/a path/python"), {"docker_users": ["ada"]})
    assert command[:5] == ["/a path/python", "-m", "ansible", "playbook", "--inventory"]
    assert command[5] == str(ROOT / "ansible/inventories/local/hosts.yml")
    assert json.loads(command[command.index("--extra-vars") + 1]) == {"docker_users": ["ada"]}
    assert command[-1] == str(ROOT / "ansible/playbooks/docker.yml")


def test_it_runs_as_root_through_sudo_with_what_sudo_would_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in process.KEPT_BY_SUDO:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert process.as_root(["apt-get", "update"], LC_ALL="C.UTF-8") == [
        "sudo", "env", "https_proxy=http://proxy.example:3128", "LC_ALL=C.UTF-8", "apt-get", "update",
    ]  # fmt: skip


def test_it_needs_no_sudo_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert process.as_root(["apt-get", "update"]) == ["apt-get", "update"]
