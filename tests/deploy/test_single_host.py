"""One bare machine becomes a server: the tests depend on each other, from nothing to the reboot."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support import egress
from tests.support.host_image import DEBIAN_13, image
from tests.support.image_registry import ADDRESS, send
from tests.support.playbook import HOSTS_ONLY, play
from tests.support.scan import open_ports
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from tests.support.host import Host, Login, Network
    from tests.support.playbook import Inventory


#: The numbers of addresses beside the host: the mail server, and two others.
MAIL, ONE, OTHER = 102, 103, 104
#: A stack with a service of the demo that sends mail, and one of nobody.
STACK = """
version: "3.12"
services:
  web-mail: &calling
    image: {image}
    command: [sleep, infinity]
    init: true
    networks: [out]
    deploy: {{endpoint_mode: dnsrr}}
  stranger: *calling
networks:
  out: {{}}
"""


@pytest.fixture
def single(single: Inventory, network: Network) -> Inventory:
    """Return the inventory, with a mail server."""
    settings = {"SMTP_HOST": network.address(MAIL), "SMTP_PORT": egress.PORT}
    return replace(single, variables={**single.variables, "landfast_settings": settings})


def test_it_refuses_a_machine_where_the_site_has_no_place(single: Inventory, host: Host) -> None:
    host.run("systemd-run", "--quiet", "--unit=squatter", "python3", "-m", "http.server", "80")
    wait_until(lambda: ":80 " in host.run("ss", "-Hltn"), 20, "the other server to listen")
    run = play(single, "site", *HOSTS_ONLY, check=False)
    host.run("systemctl", "stop", "squatter")
    assert run.code
    assert "Another server listens on port 80" in " ".join(run.output.split())
    assert run.changed == 0


def test_it_only_looks_in_check_mode(single: Inventory, host: Host) -> None:
    before = host.run("dpkg-query", "--list") + host.run("find", "/etc", "-newer", "/etc/hostname")
    run = play(single, "site", *HOSTS_ONLY, "--check")
    assert run.changed > 10
    assert host.run("dpkg-query", "--list") + host.run("find", "/etc", "-newer", "/etc/hostname") == before
    assert not host.succeeds("docker", "version")


def test_it_makes_a_server_of_a_bare_machine(single: Inventory, host: Host) -> None:
    play(single, "site", *HOSTS_ONLY)
    swarm = json.loads(host.run("docker", "info", "--format", "{{json .Swarm}}"))
    assert swarm["LocalNodeState"] == "active"
    assert swarm["ControlAvailable"]
    label = host.run("docker", "node", "inspect", "self", "--format", '{{index .Spec.Labels "landfast.state"}}')
    assert label.strip() == "true"


def test_it_changes_nothing_the_second_time(single: Inventory) -> None:
    run = play(single, "site", *HOSTS_ONLY)
    assert run.changed == 0, run.output


def test_it_would_change_nothing_in_check_mode(single: Inventory) -> None:
    run = play(single, "site", *HOSTS_ONLY, "--check")
    assert run.changed == 0, run.output


def test_images_come_through_ssh(host: Host, login: Login) -> None:
    name = send(image(DEBIAN_13), "landfast/visitor:1", host, login)
    host.run("docker", "pull", "--quiet", name, timeout=300)
    assert name in host.run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}")


def test_containers_reach_the_external_addresses_in_their_lists_only(host: Host, network: Network) -> None:
    place, port = "landfast_web-mail", egress.PORT
    mail, one, other = (f"{network.address(number)}:{port}" for number in (MAIL, ONE, OTHER))
    refused = dict.fromkeys(("169.254.169.254:80", "10.255.1.1:80", "192.0.2.1:443", f"{host.address}:5443"), "refused")
    with egress.listener(network, MAIL), egress.listener(network, ONE), egress.listener(network, OTHER):
        host.write("/root/stack.yaml", STACK.format(image=f"{ADDRESS}/landfast/visitor:1"))
        host.run("docker", "stack", "deploy", "--detach=true", "--compose-file=/root/stack.yaml", "landfast")
        wait_until(lambda: running(host) == 2, 120, lambda: host.run("docker", "stack", "ps", "landfast"))

        egress.wait_for(host, place, **{mail: "open", one: "refused", **refused})
        egress.wait_for(host, "landfast_stranger", **{mail: "refused", one: "refused", **refused})
        said = "stranger was refused a connection to 192.0.2.1:443"
        wait_until(lambda: said in egress.log(host), 60, lambda: f"the refusal to be logged:\n{egress.rules(host)}")

        # A name, whose address changes.
        host.run("sh", "-c", f"echo {network.address(ONE)} api.example.test >> /etc/hosts")
        egress.allow(host, "web-django", ["web-mail"], f"api.example.test:{port}")
        egress.wait_for(host, place, **{mail: "refused", one: "open", other: "refused", **refused})
        egress.wait_for(host, "landfast_stranger", **{one: "refused"})
        host.run("sh", "-c", "sed '$d' /etc/hosts > /run/hosts && cat /run/hosts > /etc/hosts")
        host.run("sh", "-c", f"echo {network.address(OTHER)} api.example.test >> /etc/hosts")
        egress.wait_for(host, place, **{other: "open", mail: "refused", **refused})

        # The firewall's rules are loaded again, a container is replaced: the list holds on.
        host.run("systemctl", "reload", "landfast-firewall")
        egress.wait_for(host, place, **{other: "open", mail: "refused", **refused})
        host.run("docker", "service", "update", "--quiet", "--force", place, timeout=120)
        egress.wait_for(host, place, **{other: "open", mail: "refused", **refused})
        host.run("docker", "stack", "rm", "landfast")


def running(host: Host) -> int:
    """Return how many containers run on a host."""
    return len(host.run("docker", "ps", "--quiet").split())


def test_a_deploy_of_the_lists_repairs_them(single: Inventory, host: Host) -> None:
    play(single, "site", *HOSTS_ONLY)
    host.run("rm", "/etc/landfast/egress/former.json")
    lists = json.loads(host.run("cat", "/etc/landfast/egress/current.json"))
    assert lists["web-django"]["addresses"] == [f"{single.variables['landfast_settings']['SMTP_HOST']}:{egress.PORT}"]
    assert play(single, "site", *HOSTS_ONLY).changed == 0


def test_only_ssh_and_the_site_answer_from_outside(host: Host, network: Network) -> None:
    listen = ["python3", "-m", "http.server"]
    host.run("systemd-run", "--quiet", "--unit=careless", *listen, "8001")
    host.run(
        "docker", "run", "--detach", "--rm", "--publish=8002:8000", f"{ADDRESS}/landfast/visitor:1", *listen, "8000"
    )
    # Only the firewall blocks strangers: on the host itself both ports answer.
    wait_until(lambda: all(answers(host, port) for port in (8001, 8002)), 30, "the careless servers to answer")
    assert open_ports(host, network) == {22, 80, 443}


def test_a_reboot_brings_everything_back(host: Host, network: Network, single: Inventory) -> None:
    host.reboot()
    wait_until(lambda: host.succeeds("docker", "node", "ls"), 60, "the swarm to be steered again")
    wait_until(lambda: registry_answers(host), 30, "the registry to answer again")
    assert host.run("systemctl", "--failed", "--quiet", "--no-legend").strip() == ""
    assert open_ports(host, network) == {22, 80, 443}
    assert play(single, "site", *HOSTS_ONLY).changed == 0


def answers(host: Host, port: int) -> bool:
    """Return whether something answers HTTP on a port, asked on the host itself by its own address."""
    script = f"import urllib.request as r; r.urlopen('http://{host.address}:{port}/', timeout={PATIENCE * 2})"
    return host.succeeds("python3", "-c", script)


def registry_answers(host: Host) -> bool:
    """Return whether the image registry answers on the host itself."""
    script = f"import urllib.request as r; r.urlopen('http://{ADDRESS}/v2/')"
    return host.succeeds("python3", "-c", script)
