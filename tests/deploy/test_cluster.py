"""Three bare machines become one cluster with real certificates; the tests depend on each other."""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support import tls
from tests.support.authority import Authority
from tests.support.cluster import DOWN, nodes, running, start_nginx, wait_everywhere
from tests.support.host import PROJECT
from tests.support.host_image import DEBIAN_13, image
from tests.support.image_registry import ADDRESS, send
from tests.support.load import Load, Visited
from tests.support.playbook import HOSTS_ONLY, play
from tests.support.scan import open_ports
from tests.support.shop import PART, PLAYBOOK, checkout_with_shop, name_hosts
from tests.support.stack import Stack, docker
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.host import Login, Network
    from tests.support.playbook import Inventory

#: One name per host, so that the authority sends a challenge to each of them.
NAMES = ("landfast.test", "www.landfast.test", "shop.landfast.test")
#: An application has the last of them, and gets another one later.
SHOP, LATER = NAMES[-1], "later.landfast.test"


@pytest.fixture(scope="module")
def addresses(cluster: Inventory) -> dict[str, str]:
    """Return name -> address in the authority's DNS: the first names are of a host each."""
    return {
        **{name: host.address for name, host in zip(NAMES, cluster.hosts, strict=True)},
        LATER: cluster.hosts[0].address,
    }


@pytest.fixture(scope="module")
def authority(addresses: dict[str, str], network: Network, login: Login) -> Iterator[Authority]:
    """Yield an authority for which each name resolves to another host."""
    authority = Authority.create(network, login, addresses)
    yield authority
    authority.host.remove()


@pytest.fixture(scope="module")
def named(cluster: Inventory, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """Return the inventory of the cluster with certificates by ACME, and an application with one of the names."""
    acme = {"landfast_acme_directory": authority.directory, "landfast_acme_ca": str(authority.certificate)}
    variables = {"landfast_certificates": "acme", "landfast_domains": list(NAMES[:-1]), **acme}
    checkout = checkout_with_shop(tmp_path_factory.mktemp("checkout"), "shop.localhost", SHOP)
    return replace(cluster, variables=variables, checkout=checkout)


@pytest.fixture(scope="module")
def nginx(cluster: Inventory, login: Login) -> str:
    """Start Nginx on each host, without the rest of the stack: these tests concern only Nginx and its host."""
    stack = Stack(project=PROJECT)
    stack.compose("build", "nginx", timeout=600)
    name = send(f"{PROJECT}/nginx", "landfast/nginx:1", cluster.managers[0], login)
    docker("rmi", f"{PROJECT}/nginx")
    return start_nginx(cluster, name)


def test_it_makes_one_cluster_of_three_machines(cluster: Inventory) -> None:
    play(cluster, "site", *HOSTS_ONLY)
    found = nodes(cluster.managers[0])
    assert {name: node["role"] for name, node in found.items()} == {
        "server-1": "manager",
        "server-2": "worker",
        "server-3": "worker",
    }
    assert {node["state"] for node in found.values()} == {"ready"}
    assert [name for name, node in found.items() if node["data"] == "true"] == ["server-1"]


def test_it_changes_nothing_the_second_time(cluster: Inventory) -> None:
    run = play(cluster, "site", *HOSTS_ONLY)
    assert run.changed == 0, run.output


def test_strangers_reach_nothing_but_ssh_and_the_sites_ports(cluster: Inventory, network: Network) -> None:
    assert open_ports(cluster.managers[0], network) == {22, 80, 443}
    assert open_ports(cluster.workers[0], network) == {22, 80, 443}


def test_every_host_gets_images_from_the_first_manager(cluster: Inventory, login: Login) -> None:
    name = send(image(DEBIAN_13), "landfast/visitor:1", cluster.managers[0], login)
    for host in cluster.hosts:
        host.run("docker", "pull", "--quiet", name, timeout=300)


def test_who_lacks_the_key_gets_no_images(cluster: Inventory) -> None:
    manager, worker = cluster.managers[0], cluster.workers[0]
    ask = f"import urllib.request as r; r.urlopen('http://{manager.address}:5443/v2/', timeout={PATIENCE * 3})"
    assert not worker.succeeds("python3", "-c", ask)
    ask_by_the_tunnel = f"import urllib.request as r; r.urlopen('http://{ADDRESS}/v2/', timeout={PATIENCE * 3})"
    assert worker.succeeds("python3", "-c", ask_by_the_tunnel)


def test_containers_talk_to_each_other_across_hosts_but_not_to_the_hosts(cluster: Inventory) -> None:
    manager, worker = cluster.managers[0], cluster.workers[-1]
    manager.run("docker", "network", "create", "--driver=overlay", "--attachable", "talk")
    on = [f"--constraint=node.hostname=={worker.name}", "--network=talk", "--endpoint-mode=dnsrr", "--name=talker"]
    visitor = f"{ADDRESS}/landfast/visitor:1"
    manager.run("docker", "service", "create", "--detach", *on, visitor, "python3", "-m", "http.server", "8000")
    wait_until(lambda: running(worker, "talker"), 90, "the service to run")
    container = ["docker", "run", "--rm", "--network=talk", visitor, "python3", "-c"]
    reach = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 4)"
    wait_until(lambda: manager.succeeds(*container, reach, "talker", "8000"), 60, "a container to reach one elsewhere")
    for port in ("22", "2377", "5443", "7946"):
        assert not worker.succeeds("docker", "run", "--rm", visitor, "python3", "-c", reach, manager.address, port)
    assert worker.succeeds("python3", "-c", reach, manager.address, "2377")
    manager.run("docker", "service", "rm", "talker")


def test_nginx_starts_with_a_certificate_of_our_own_making(cluster: Inventory, nginx: str) -> None:
    assert nginx
    found = {tls.certificate(host.address, NAMES[0]) for host in cluster.hosts}
    assert len(found) == 1
    assert tls.names(found.pop()) == {"landfast.test"}


def test_every_host_gets_a_certificate_of_ones_own(cluster: Inventory, nginx: str, tmp_path: Path) -> None:
    assert nginx
    certificate, key = tls.make(tmp_path, NAMES[0])
    own = {"landfast_own_certificate": str(certificate), "landfast_own_key": str(key)}
    owned = replace(cluster, variables={"landfast_certificates": "own", **own})
    play(owned, "site", *HOSTS_ONLY)
    mine = ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="ascii"))
    wait_until(lambda: _presented(owned) == {mine}, 30, "the certificate on each host")
    assert play(owned, "site", *HOSTS_ONLY).changed == 0


def test_every_host_gets_the_certificate_that_an_authority_issues(named: Inventory, nginx: str) -> None:
    assert nginx
    run = play(named, "site", *HOSTS_ONLY)
    assert run.changed
    wait_until(
        lambda: all("Pebble" in _issuer(named, number) for number in range(3)), 30, "the certificate on each host"
    )
    found = {tls.certificate(host.address, NAMES[0]) for host in named.hosts}
    assert len(found) == 1
    assert tls.names(found.pop()) == set(NAMES)
    assert play(named, "site", *HOSTS_ONLY).changed == 0


def test_a_deploy_with_a_new_name_extends_the_certificate_and_drops_no_request(named: Inventory, nginx: str) -> None:
    first = {host.name: running(host, nginx) for host in named.hosts}
    name_hosts(named.checkout, "shop.localhost", SHOP, LATER)
    with Load([host.address for host in named.hosts], [Visited(NAMES[0], ("/healthz",))], rate=100) as load:
        wait_until(lambda: len(load.log.answered) > 100, 60, "some requests before")
        play(named, PLAYBOOK, variables={PART: "extend"})  # as deploy.yml does, before it rolls anything out
        wait_until(
            lambda: all(tls.names(found) == {*NAMES, LATER} for found in _presented(named)), 60, "the name on each host"
        )
        enough = len(load.log.answered) + 100
        wait_until(lambda: len(load.log.answered) > enough, 60, "some requests after")
    print(f"extension: {len(load.log.answered)} requests, {len(load.log.failures)} failures")
    assert load.log.failures == []
    assert {host.name: running(host, nginx) for host in named.hosts} == first


def test_a_renewed_certificate_reaches_every_host_and_drops_no_request(named: Inventory, nginx: str) -> None:
    before = tls.certificate(named.managers[0].address, NAMES[0])
    first = {host.name: running(host, nginx) for host in named.hosts}
    with Load([host.address for host in named.hosts], [Visited(NAMES[0], ("/healthz",))], rate=200) as load:
        wait_until(lambda: len(load.log.answered) > 300, 60, "some requests before")
        # Like the timer; the authority's certificates are due for renewal from the start.
        named.managers[0].run("systemctl", "start", "certbot.service", timeout=300)
        wait_until(lambda: before not in _presented(named), 60, "another certificate on each host")
        enough = len(load.log.answered) + 300
        wait_until(lambda: len(load.log.answered) > enough, 60, "some requests after")
    print(f"renewal: {len(load.log.answered)} requests, {len(load.log.failures)} failures")
    assert load.log.failures == []
    assert len(_presented(named)) == 1
    # Nginx was reloaded, not replaced.
    assert {host.name: running(host, nginx) for host in named.hosts} == first


def test_a_host_that_was_away_gets_the_certificate_when_it_is_back(
    named: Inventory, nginx: str, authority: Authority, addresses: dict[str, str]
) -> None:
    manager, away = named.managers[0], named.workers[0]
    before = tls.certificate(manager.address, NAMES[0])
    away.kill()
    # Its operator takes a lost host out of the DNS: the authority may ask for any name again.
    authority.resolve({name: manager.address if each == away.address else each for name, each in addresses.items()})
    wait_until(lambda: nodes(manager)[away.name]["state"] == "down", DOWN, "the manager to miss the host")
    # certbot renews, then one host does not take the certificate: this is reported, and is not a failure.
    manager.run("systemctl", "start", "certbot.service", timeout=300)
    wait_until(lambda: tls.certificate(manager.address, NAMES[0]) != before, 30, "another certificate on the manager")
    authority.resolve(addresses)
    away.switch_on()
    wait_everywhere(named, nginx)
    manager.run("systemctl", "start", "landfast-distribute.service", timeout=300)
    wait_until(lambda: len(_presented(named)) == 1, 60, "the same certificate on each host")


def test_a_reboot_of_all_brings_the_cluster_back(named: Inventory, nginx: str) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: host.reboot(), named.hosts))
    wait_until(lambda: {node["state"] for node in nodes(named.managers[0]).values()} == {"ready"}, 90, "all nodes")
    wait_everywhere(named, nginx)
    wait_until(lambda: len(_presented(named)) == 1, 60, "Nginx on each host")


def _presented(cluster: Inventory) -> set[bytes]:
    return {tls.certificate(host.address, NAMES[0]) for host in cluster.hosts}


def _issuer(cluster: Inventory, number: int) -> str:
    return tls.issuer(tls.certificate(cluster.hosts[number].address, NAMES[0]))
