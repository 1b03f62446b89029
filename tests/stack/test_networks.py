"""Who can talk to whom, and who to the world."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import connections
from tests.support.stack import docker
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.support.stack import Stack

#: Network -> the services in it, as docs/reference/connections.md has them.
MEMBERS = connections.networks()
#: Applications, none of which finds a service of another.
APPLICATIONS = {"web-django": "api-flask", "api-flask": "web-django", "worker": "api-flask", "web-worker": "worker"}
#: Services that Nginx cannot reach.
HIDDEN_FROM_NGINX = [
    "postgres", "redis", "redis-cache", "relay", "mail",
    "worker", "beat", "web-worker", "web-mail", "web-beat", "api-worker", "api-periodic",
]  # fmt: skip


def network(stack: Stack, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("network", "inspect", f"{stack.project}_{name}"))[0]
    return found


def networks_of(stack: Stack, service: str) -> set[str]:
    names = stack.inspect(service)["NetworkSettings"]["Networks"]
    return {name.removeprefix(f"{stack.project}_") for name in names}


def test_each_service_is_in_the_networks_that_it_needs_and_no_other(stack: Stack) -> None:
    found = {service: networks_of(stack, service) for service in stack.long_running}

    expected = {name: {net for net, members in MEMBERS.items() if name in members} for name in stack.long_running}
    assert found == expected


@pytest.mark.parametrize("name", [name for name in MEMBERS if name != "edge" and not name.endswith("egress")])
def test_it_has_no_way_out(stack: Stack, name: str) -> None:
    assert network(stack, name)["Internal"] is True


@pytest.mark.parametrize(("service", "other"), APPLICATIONS.items())
def test_an_application_cannot_even_find_another(stack: Stack, service: str, other: str) -> None:
    script = f"getent hosts {other} || echo unknown"

    assert stack.execute(service, "sh", "-c", script).strip() == "unknown"


def test_the_edge_network_gives_no_address_to_leave_with(stack: Stack) -> None:
    assert network(stack, "edge")["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"


@pytest.mark.parametrize("service", ["postgres", "redis", "redis-cache", "beat"])
def test_what_holds_data_has_no_route_out(stack: Stack, service: str) -> None:
    routes = stack.execute(service, "cat", "/proc/net/route").splitlines()[1:]

    assert routes, "it is in a network"
    assert not [route for route in routes if route.split()[1] == "00000000"], "a default route"


@pytest.mark.parametrize("service", HIDDEN_FROM_NGINX)
def test_nginx_cannot_even_find_what_it_does_not_proxy(stack: Stack, service: str) -> None:
    script = f"getent hosts {service} || echo unknown"

    assert stack.execute("nginx", "sh", "-c", script).strip() == "unknown"


def test_only_nginx_and_the_local_inbox_publish_ports(stack: Stack) -> None:
    published = {
        service: {
            (port, binding["HostIp"], int(binding["HostPort"]))
            for port, bindings in stack.inspect(service)["NetworkSettings"]["Ports"].items()
            for binding in bindings or []
        }
        for service in stack.long_running
    }
    ports = stack.ports

    assert {service for service, bindings in published.items() if bindings} == {"nginx", "mail"}
    assert {(port, number) for port, _, number in published["nginx"]} == {
        ("8080/tcp", ports.http),
        ("8443/tcp", ports.https),
        ("8443/udp", ports.https),  # HTTP/3
    }
    assert published["mail"] == {("1080/tcp", "127.0.0.1", ports.mail)}, "the inbox is for this machine alone"


@pytest.mark.parametrize(("server", "visitor"), [("redis", "worker"), ("redis-cache", "web-worker")])
def test_redis_takes_nobody_without_the_password(stack: Stack, server: str, visitor: str) -> None:
    probe = (
        f"import socket; s = socket.create_connection(('{server}', 6379), {PATIENCE * 5}); "
        "s.sendall(b'PING\\r\\n'); print(s.recv(100).decode())"
    )

    assert "NOAUTH" in stack.execute(visitor, "python", "-c", probe)


@pytest.mark.parametrize("role", ["web", "web_owner", "api", "api_owner", "postgres"])
def test_postgres_takes_nobody_without_the_password(stack: Stack, role: str) -> None:
    patience = f"connect_timeout={PATIENCE * 5:.0f}"
    probe = (
        "import psycopg\n"
        "try:\n"
        f"    psycopg.connect(host='postgres', dbname='landfast', user='{role}', password='wrong', {patience})\n"
        "except psycopg.OperationalError as error:\n"
        "    print('refused', error)"
    )

    assert "refused" in stack.execute("web-django", "python", "-c", probe)
