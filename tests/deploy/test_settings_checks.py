"""Problems of a deploy are reported before any connection and any build, with --check too.

The machines of these inventories do not exist, except for this machine itself, with other programs in its PATH.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cli.servers.manifest import Manifest
from tests.support.host import Host, Login
from tests.support.playbook import Inventory, play
from tests.support.releases import Checkout

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = Host("server-1", "192.0.2.1")
#: This checkout may have changes when its tests run. -e passes values as text, like a user's command line.
TRIAL = ("-e", "release_allow_dirty=true")
#: Stand-ins for a server's programs.
PROGRAMS = {
    "landfast": """case "$1" in
        busy) [ ! -e "$0.holder" ] || { cat "$0.holder"; exit 75; } ;;
        whole) [ ! -e "$0.missing" ] || { cat "$0.missing"; exit 1; } ;;
        current) echo plan-one.json ;;
        images) echo 127.0.0.1:5000/landfast/web@sha256:kept ;;
        logs) [ "$2" != --service=wbe ] || { echo "there is no service 'wbe'"; exit 1; }; echo "asked: $*" ;;
        status) echo "asked: $* of $(cat)" ;;
    esac""",
    "docker": """case "$1 $2" in
        "node ls") echo one ;;
        "image ls") printf '127.0.0.1:5000/landfast/web@sha256:%s\\n' kept old used ;;
        "image rm")
            echo "$3" >> "$0.removed"
            case "$3" in *used) echo "conflict: a container uses it" >&2; exit 1 ;; esac ;;
        *) exec {docker} "$@" ;;
    esac""",
    "systemctl": """case "$*" in *MainPID*) echo 1 ;; *Timestamp*) date ;; esac""",
    "dpkg-query": "printf 'installed %s 26.1.5\\n' docker.io containerd apparmor",
    "apt-get": """echo "asked: $*"; [ ! -e "$0.updates" ] || cat "$0.updates" """,
}


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    return Manifest.read().complete({})


@pytest.mark.parametrize(("playbook", "options"), [("deploy", ("--check", *TRIAL)), ("site", ())])
def test_wrong_settings_stop_it_first_of_all(
    tmp_path: Path, secrets: dict[str, str], playbook: str, options: tuple[str, ...]
) -> None:
    settings = {"SMTP_TLS": "tls", "WORKER_REPLICAS": -1}
    inventory = Inventory(
        (NOWHERE,), Login(tmp_path), variables={"landfast_secrets": secrets, "landfast_settings": settings}
    )

    run = play(inventory, playbook, *options, check=False)

    assert run.code
    assert run.changed == 0
    assert "UNREACHABLE" not in run.output
    assert "SMTP_TLS is 'tls'; must be one of none, starttls, implicit" in run.words
    assert "WORKER_REPLICAS is '-1'; must be from 0 to 100" in run.words
    assert secrets["admin_password"] not in run.output


def test_a_mistyped_variable_of_the_inventory_stops_it_too(tmp_path: Path, secrets: dict[str, str]) -> None:
    variables = {"landfast_secrets": secrets, "landfast_setings": {"WORKER_REPLICAS": 4}}
    run = play(Inventory((NOWHERE,), Login(tmp_path), variables=variables), "deploy", "--check", *TRIAL, check=False)

    assert run.code
    assert "UNREACHABLE" not in run.output
    assert "nothing reads landfast_setings (is it landfast_settings?)" in run.words


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str]) -> Inventory:
    """Return this machine as a server: its programs give the answers of a server's."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, script in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{script.replace('{docker}', real(name))}\n", encoding="ascii")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    local = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": "/usr/bin/python3"}
    return Inventory((NOWHERE,), Login(tmp_path), variables={**local, "landfast_secrets": secrets})


def real(name: str) -> str:
    """Return the path of the real program behind a stand-in."""
    return shutil.which(name) or "false"


def test_a_deploy_in_check_mode_comes_to_its_end(here: Inventory) -> None:
    run = play(here, "deploy", "--check", *TRIAL, "-e", "release_minimum_disk_mb=1")

    assert run.recap["server-1"]["failed"] == 0
    assert "Build and send the images" not in run.output


def test_a_host_that_does_not_hold_the_sites_ports_is_named_before_anything_changes(here: Inventory) -> None:
    (here.login.directory / "programs/systemctl").write_text("#!/bin/sh\nexit 3\n", encoding="ascii")

    run = play(here, "deploy", "--check", *TRIAL, "-e", "release_minimum_disk_mb=1", check=False)

    assert run.code
    assert "server-1 does not hold ports 80 and 443 for Nginx: run site.yml once" in run.words


def test_the_program_is_not_replaced_while_a_roll_is_at_work(here: Inventory) -> None:
    holder = here.login.directory / "programs/landfast.holder"
    holder.write_text("deploy of one by me is at work since noon\n", encoding="ascii")

    run = play(here, "deploy", "--check", *TRIAL, "-e", "release_minimum_disk_mb=1", check=False)

    assert run.code
    assert "deploy of one by me is at work since noon" in run.words
    assert "[Copy it]" not in run.output


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ((), "logs --service= --lines= --containing="),
        (("-e", "service=worker", "-e", "lines=5"), "logs --service=worker --lines=5 --containing="),
        (("-e", "request=trace-12345678"), "logs --service= --lines= --containing=trace-12345678"),
        (("-e", "containing='two words'"), "logs --service= --lines= --containing=two words"),
    ],
)
def test_logs_are_of_all_services_or_of_one_or_of_a_request(
    here: Inventory, options: tuple[str, ...], asked: str
) -> None:
    assert f"asked: {asked}" in play(here, "logs", *options).words


def test_no_secret_is_rotated_whose_new_value_the_release_could_not_get(here: Inventory, tmp_path: Path) -> None:
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases/plan-one.json").write_text('{"release": "0.1.0"}', encoding="ascii")

    run = play(here, "rotate", "-e", f"secret=redis_web_password landfast_data={tmp_path}", check=False)

    assert run.code
    assert "no record of its derived files: run deploy.yml first" in run.words
    assert "Make a new value in the vault" not in run.output


def test_logs_of_a_service_that_does_not_exist_are_refused(here: Inventory) -> None:
    run = play(here, "logs", "-e", "service=wbe", check=False)

    assert run.code
    assert "there is no service 'wbe'" in run.output


def test_the_status_is_told_what_each_host_says_of_itself(here: Inventory) -> None:
    told = {"name": "server-1", "problems": {"reboot": "a reboot is due"}}
    python = here.login.directory / "programs/python3"
    python.write_text(f'#!/bin/sh\n[ "$3" = report ] || exec /usr/bin/python3 "$@"\necho \'{json.dumps(told)}\'\n')
    python.chmod(0o755)

    assert f"asked: status --hosts of {json.dumps([told])}" in play(here, "status").words


def test_the_status_does_without_a_host_that_says_nothing(here: Inventory) -> None:
    """Such a host has had no deploy since the report was introduced."""
    assert "asked: status --hosts of []" in play(here, "status").output


def test_cleaning_up_removes_what_neither_a_kept_release_nor_a_container_uses(here: Inventory) -> None:
    run = play(here, "clean")

    removed = (here.login.directory / "programs/docker.removed").read_text(encoding="ascii").split()
    assert sorted(removed) == [f"127.0.0.1:5000/landfast/web@sha256:{name}" for name in ("old", "used")]
    assert run.changed == 1, "that which a container uses stays"


def test_a_first_install_asks_for_a_commit_first_and_not_for_the_inventorys(here: Inventory, tmp_path: Path) -> None:
    checkout = Checkout.create(tmp_path / "checkout")
    for name in ("ansible/inventories/mine/hosts.yml", "services/stray.py"):
        (checkout.directory / name).parent.mkdir(exist_ok=True)
        (checkout.directory / name).write_text("# new\n", encoding="ascii")

    run = play(replace(here, checkout=checkout.directory), "site", "--check", check=False)

    assert "the checkout has changes that are in no commit: ?? services/stray.py commit them" in run.words
    assert "Gather facts" not in run.output


UPDATE = "Inst docker.io [26.1.5-1] (26.1.5-2 Debian:13.2/stable [amd64])\nConf docker.io (26.1.5-2)\n"


def test_an_update_of_docker_tells_what_it_would_do_on_each_host(here: Inventory) -> None:
    (here.login.directory / "programs/apt-get.updates").write_text(UPDATE, encoding="ascii")
    cluster = replace(here, workers=(Host("server-2", "192.0.2.2"),))

    told = play(cluster, "update-docker", "--check").words

    assert "server-1: docker.io 26.1.5-1 -> 26.1.5-2" in told
    assert "server-2: docker.io 26.1.5-1 -> 26.1.5-2" in told
    assert told.index("It is drained first") < told.index("It holds the data and is not drained")


def test_a_docker_that_is_the_newest_is_left_alone_unless_a_restart_is_asked_for(here: Inventory) -> None:
    left = play(here, "update-docker", "--check")
    asked = play(here, "update-docker", "--check", "-e", "docker_restart=true")

    assert "[Tell what is done]" not in left.output
    assert "server-1: a restart is asked for" in asked.words


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("holder", "deploy of one by me is at work since noon"),
        ("missing", "the cluster is not whole: server-2 is down"),
    ],
)
def test_no_docker_is_updated_beside_a_deploy_or_in_a_cluster_that_is_not_whole(
    here: Inventory, file: str, said: str
) -> None:
    (here.login.directory / f"programs/landfast.{file}").write_text(f"{said}\n", encoding="ascii")

    run = play(here, "update-docker", "--check", "-e", "docker_restart=true", check=False)

    assert run.code
    assert said in run.words
    assert "a restart is asked for" not in run.output
