"""Every check prints one line with the problem and its fix, and says what ``up`` repairs by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cli import preflight
from cli.machine import Docker, System
from cli.preflight import GIB, Check, Repair, State

DEBIAN = System("Linux", "debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)")
FEDORA = System("Linux", "fedora", "43", "", "Fedora Linux 43")
MACOS = System("Darwin", name="macOS")
GOOD = Docker((26, 1), (26, 1), (2, 26), (0, 13), daemon=True, package="docker.io", info={})
STOPPED = replace(GOOD, engine=None, info=None, problem="Cannot connect to the Docker daemon")
OLD = replace(STOPPED, client=(20, 10), compose=None, buildx=None)
PORTS = {"HTTP_PORT": "8080", "HTTPS_PORT": "8443", "MAIL_PORT": "8025"}


def judge(docker: Docker, system: System = DEBIAN, *, root: bool = True, may_install: bool = True) -> Check:
    check = preflight.docker(docker, system, root=root, may_install=may_install)
    assert "\n" not in check.text
    return check


def test_it_accepts_a_docker_that_is_new_enough() -> None:
    assert judge(GOOD).state is State.OK


def test_it_starts_a_docker_that_is_merely_stopped() -> None:
    assert judge(STOPPED).repair is Repair.START_DOCKER


@pytest.mark.parametrize("docker", [Docker(), OLD, replace(OLD, engine=(20, 10)), replace(GOOD, compose=None)])
def test_it_installs_a_docker_that_is_missing_or_too_old(docker: Docker) -> None:
    assert judge(docker).repair is Repair.INSTALL_DOCKER


def test_it_names_every_part_that_is_too_old() -> None:
    text = judge(replace(GOOD, engine=(20, 10), compose=(2, 20), buildx=None), root=False).text
    assert "Engine 20.10 is older than 25.0" in text
    assert "Compose 2.20 is older than 2.26" in text
    assert "no Buildx" in text


def test_it_says_how_to_agree_where_nobody_can_be_asked() -> None:
    check = judge(Docker(), may_install=False)
    assert check.state is State.FAILED
    assert "./stack up --yes" in check.text


@pytest.mark.parametrize("docker", [Docker(), STOPPED])
def test_it_asks_for_root_where_there_is_no_way_to_become_it(docker: Docker) -> None:
    check = judge(docker, root=False)
    assert check.state is State.FAILED
    assert "root" in check.text


@pytest.mark.parametrize(
    ("system", "advice"), [(FEDORA, "install Docker Engine 25"), (MACOS, "install Docker Desktop")]
)
def test_it_says_what_to_install_on_other_systems(system: System, advice: str) -> None:
    check = judge(Docker(), system)
    assert check.state is State.FAILED
    assert advice in check.text


def test_it_never_mixes_the_distributions_packages_with_dockers_own() -> None:
    check = judge(replace(GOOD, engine=(24, 0), package="docker-ce"))
    assert check.state is State.FAILED
    assert "docker-ce" in check.text


def test_it_never_touches_docker_desktop() -> None:
    check = judge(replace(GOOD, engine=(24, 0), package="", elsewhere="Docker Desktop"))
    assert check.state is State.FAILED
    assert "update Docker Desktop" in check.text


def test_it_never_starts_another_daemon_than_the_one_that_was_chosen() -> None:
    check = judge(replace(STOPPED, elsewhere="DOCKER_HOST=tcp://builder:2376"))
    assert check.state is State.FAILED
    assert "DOCKER_HOST=tcp://builder:2376 does not answer" in check.text


def test_it_says_how_a_user_may_talk_to_the_daemon() -> None:
    check = judge(replace(STOPPED, problem="permission denied while trying to connect to the Docker daemon socket"))
    assert check.state is State.FAILED
    assert "usermod" in check.text


@pytest.mark.parametrize(
    ("free", "running", "state"),
    [
        (6 * GIB, False, State.OK),
        (4 * GIB, False, State.FAILED),
        (4 * GIB, True, State.OK),
        (GIB // 2, True, State.FAILED),
    ],
)
def test_it_wants_room_for_the_images_until_they_are_there(free: int, state: State, *, running: bool) -> None:
    assert preflight.disk(free, Path("/var/lib/docker"), running=running).state is state


def test_it_says_how_to_make_room_on_a_disk_that_is_nearly_full() -> None:
    text = preflight.disk(GIB * 3 // 10, Path("/data/docker"), running=False).text
    assert text.startswith("0.3 GiB free at /data/docker, needed are 5 GiB")
    assert "docker builder prune" in text


@pytest.mark.parametrize(
    ("available", "running", "state"),
    [(3 * GIB, False, State.OK), (GIB, False, State.FAILED), (GIB, True, State.OK), (None, False, State.OK)],
)
def test_it_wants_memory_for_a_stack_that_does_not_run_yet(
    available: int | None, state: State, *, running: bool
) -> None:
    assert preflight.memory(available, running=running).state is state


def test_it_accepts_ports_that_are_free_or_its_own() -> None:
    checks = preflight.ports(PORTS, own={8080, 8443}, taken={8080: "landfast-nginx-1"})
    assert [check.state for check in checks] == [State.OK]


def test_it_shows_every_bad_port_at_once() -> None:
    wanted = {"HTTP_PORT": "9090", "HTTPS_PORT": "9090", "MAIL_PORT": "seven"}
    texts = [check.text for check in preflight.ports(wanted, own=set(), taken={9090: "other-web-1"})]
    assert len(texts) == 3
    assert "9090 (the site) is taken by container other-web-1" in texts[0]
    assert "HTTP_PORT=19090 ./stack up" in texts[0]
    assert "HTTPS_PORT and HTTP_PORT are both 9090" in texts[1]
    assert "MAIL_PORT is 'seven'" in texts[2]


@pytest.mark.parametrize("text", ["0", "65536", "-1", "80a", "", "٨٠"])
def test_it_refuses_what_is_no_port(text: str) -> None:
    assert preflight.port_number(text) is None


@pytest.mark.parametrize(
    ("registry", "mirror", "state"),
    [("", "down", State.REPAIR), ("down", "", State.REPAIR), ("down", "down too", State.FAILED)],
)
def test_it_needs_a_registry_or_a_mirror(registry: str, mirror: str, state: State) -> None:
    assert preflight.base_image("debian:trixie-slim", registry, mirror).state is state


def test_it_says_what_is_wrong_with_both() -> None:
    text = preflight.base_image("debian:trixie-slim", "its name cannot be resolved", "no answer within 8 s").text
    assert "registry: its name cannot be resolved; Debian mirror: no answer within 8 s" in text
    assert "DEBIAN_MIRROR" in text


def test_it_names_a_variable_that_nothing_reads_and_the_one_that_was_meant() -> None:
    check, foreign = preflight.variables(["WORKR_CONCURRENCY", "XYZZY"], ["WORKER_CONCURRENCY", "WEB_WORKERS"])

    assert (check.state, foreign.state) == (State.FAILED, State.FAILED)
    assert check.text.startswith("WORKR_CONCURRENCY in .env is read by nothing (did you mean WORKER_CONCURRENCY?): ")
    assert foreign.text.startswith("XYZZY in .env is read by nothing: ")


def test_it_names_a_source_of_packages_that_does_not_answer() -> None:
    check = preflight.source("Python index", "https://index.example.org/simple", "connection refused", "name another")

    assert check.state is State.FAILED
    assert check.text == "https://index.example.org/simple does not answer (connection refused): name another"
    assert preflight.source("Python index", "https://index.example.org/simple", "", "name another").state is State.OK
