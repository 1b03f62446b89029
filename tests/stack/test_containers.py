"""What every container is held to, read from the running ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.stack import Stack

LONG_RUNNING = [
    "nginx", "console", "relay", "flower", "postgres", "redis", "redis-cache", "rabbitmq", "mail",
    "web-django", "web-worker", "web-mail", "web-beat", "api-flask", "api-uploads", "api-worker", "api-periodic",
    "worker", "beat",
]  # fmt: skip
ONE_SHOTS = ["secrets", "static", "migrate-web", "migrate-api", "migrate-outbox", "migrate-console"]

each_container = pytest.mark.parametrize("service", [*LONG_RUNNING, *ONE_SHOTS])
each_running = pytest.mark.parametrize("service", LONG_RUNNING)

#: Bytes and processes beyond which a limit limits nothing.
LARGEST_MEMORY, MOST_PROCESSES = 1 << 30, 1024
#: Seconds that a request may run behind Nginx before it is given up anyway is 60; drains must fit into these.
SHORTEST_GRACE = {
    "nginx": 20,
    "console": 20,
    "web-django": 20,
    "api-flask": 20,
    "api-uploads": 300,
    "worker": 30,
    "web-worker": 30,
    "web-mail": 600,
    "api-worker": 30,
    "relay": 20,
    "postgres": 30,
    "rabbitmq": 30,
    "redis": 20,
}


def host_config(stack: Stack, service: str) -> dict[str, Any]:
    config: dict[str, Any] = stack.inspect(service)["HostConfig"]
    return config


def status_of_init(stack: Stack, service: str) -> dict[str, str]:
    """Return what the kernel says of a container's first process."""
    lines = stack.execute(service, "cat", "/proc/1/status").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def test_these_are_all_containers(stack: Stack) -> None:
    assert stack.long_running == set(LONG_RUNNING)
    assert stack.one_shots == set(ONE_SHOTS)


@each_container
def test_its_user_is_not_root(stack: Stack, service: str) -> None:
    user = stack.inspect(service)["Config"]["User"]

    assert user.partition(":")[0] not in {"", "0", "root"}


LIST_PROCESSES = """
cd /proc
for process in [0-9]*; do
    read -r name <"$process/comm" && user=$(stat --format=%u "$process") && echo "$user $name"
done 2>/dev/null
true
"""


@each_running
def test_no_process_in_it_is_root(stack: Stack, service: str) -> None:
    """Each process is somebody else's than root's.

    runc, which enters the container for each health check, is root until it becomes the check's program. It bears its
    own name until then. The name is read before the user, so that no other process can be taken for it.
    """
    processes = [line.split(maxsplit=1) for line in stack.execute(service, "sh", "-c", LIST_PROCESSES).splitlines()]
    users = [user for user, name in processes if not name.startswith("runc:[")]

    assert users
    assert "0" not in users


@each_container
def test_its_root_is_read_only(stack: Stack, service: str) -> None:
    assert host_config(stack, service)["ReadonlyRootfs"] is True


@each_container
def test_it_has_no_capability_and_gains_none(stack: Stack, service: str) -> None:
    config = host_config(stack, service)

    assert config["CapDrop"] == ["ALL"]
    assert not config["CapAdd"]
    assert config["Privileged"] is False
    assert any(option.startswith("no-new-privileges") for option in config["SecurityOpt"])
    assert not [option for option in config["SecurityOpt"] if "unconfined" in option]


@each_running
def test_the_kernel_agrees_on_its_privileges(stack: Stack, service: str) -> None:
    status = status_of_init(stack, service)

    assert {int(status[key], 16) for key in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2", "a filter on system calls"


@each_container
def test_its_first_process_forwards_signals_and_reaps(stack: Stack, service: str) -> None:
    assert host_config(stack, service)["Init"] is True


@each_container
def test_its_memory_and_processes_are_limited(stack: Stack, service: str) -> None:
    config = host_config(stack, service)

    assert 0 < config["Memory"] <= LARGEST_MEMORY
    assert 0 < config["PidsLimit"] <= MOST_PROCESSES


@each_running
def test_it_tells_its_health(stack: Stack, service: str) -> None:
    found = stack.inspect(service)

    assert found["Config"]["Healthcheck"]["Test"][0] in {"CMD", "CMD-SHELL"}
    assert found["State"]["Health"]["Status"] == "healthy"


@each_running
def test_it_starts_again_by_itself(stack: Stack, service: str) -> None:
    assert host_config(stack, service)["RestartPolicy"]["Name"] in {"unless-stopped", "always"}


@pytest.mark.parametrize(("service", "seconds"), SHORTEST_GRACE.items())
def test_it_gets_time_to_drain(stack: Stack, service: str, seconds: int) -> None:
    assert stack.inspect(service)["Config"]["StopTimeout"] >= seconds


@pytest.mark.parametrize("service", ONE_SHOTS)
def test_a_one_shot_has_done_its_work(stack: Stack, service: str) -> None:
    state = stack.inspect(service)["State"]

    assert (state["Status"], state["ExitCode"]) == ("exited", 0)


@each_container
def test_it_has_no_way_into_the_host(stack: Stack, service: str) -> None:
    config = host_config(stack, service)
    mounts = stack.inspect(service)["Mounts"]

    assert (config["PidMode"], config["IpcMode"], config["UTSMode"]) == ("", "private", "")
    assert config["NetworkMode"] != "host"
    assert not config["Devices"]
    assert not [mount for mount in mounts if "docker.sock" in mount["Source"]]
    assert not [mount for mount in mounts if mount["Type"] == "bind" and mount["RW"]]


@each_running
def test_it_can_write_nothing_but_its_data_and_temporary_files(stack: Stack, service: str) -> None:
    script = "for place in / /app /usr /etc /opt /run /run/secrets; do [ ! -w $place ] || echo $place; done"

    assert stack.execute(service, "sh", "-c", script).split() == []


@each_running
def test_its_log_cannot_fill_the_disk(stack: Stack, service: str) -> None:
    log = host_config(stack, service)["LogConfig"]

    assert log["Type"] == "json-file"
    assert log["Config"]["max-size"]
    assert log["Config"]["max-file"]
