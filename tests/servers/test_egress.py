"""The firewall's rules for external addresses: lists, names whose addresses change, containers, refusals."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from rollout.egress import __main__ as egress
from rollout.egress import lists, rules
from rollout.egress.lists import Application, Resolver
from rollout.egress.rules import Container

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NOW = 1_800_000_000.0
SHOP = Application(["shop", "shop-mail"], ["mail.example.org:587", "10.0.0.0/8:5432", "192.0.2.7"])


def chains(text: str) -> dict[str, list[str]]:
    """Return chain -> its rules, of which none belongs to an earlier list."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("flush chain inet landfast "):
            found[line.split()[-1]] = []
        elif line.startswith("add rule inet landfast "):
            chain, _, rule = line.removeprefix("add rule inet landfast ").partition(" ")
            found[chain].append(rule)
    return found


def test_each_application_has_a_chain_that_accepts_its_list() -> None:
    addresses = {"mail.example.org": ["192.0.2.1", "192.0.2.2"]}

    found = chains(rules.rules({"shop": SHOP}, addresses, ["192.0.2.53"]))

    assert found["egress_shop"] == [
        "ip daddr { 192.0.2.1, 192.0.2.2 } meta l4proto { tcp, udp } th dport 587 accept",
        "ip daddr { 10.0.0.0/8 } meta l4proto { tcp, udp } th dport 5432 accept",
        "ip daddr { 192.0.2.7 } accept",
    ]
    assert found["egress_dns"] == ["ip daddr { 192.0.2.53 } meta l4proto { tcp, udp } th dport 53 accept"]


def test_containers_that_are_not_known_yet_have_to_wait_for_addresses_in_lists_only() -> None:
    found = chains(rules.rules({"shop": SHOP, "blog": Application(["blog"], ["192.0.2.7"])}, {}, []))

    assert found["egress_listed"] == [
        "ip daddr { 192.0.2.7 } drop",
        "ip daddr { 10.0.0.0/8 } meta l4proto { tcp, udp } th dport 5432 drop",
    ]
    assert found["egress_dns"] == []


def test_any_leaves_out_networks_that_are_not_public() -> None:
    [rule] = chains(rules.rules({"shop": Application([], ["any:443"])}, {}, []))["egress_shop"]

    assert rule.startswith("ip daddr != { ")
    for network in ("169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"):
        assert network in rule
    assert rule.endswith(" } meta l4proto { tcp, udp } th dport 443 accept")


def test_a_name_without_an_address_allows_nothing() -> None:
    found = chains(rules.rules({"shop": Application([], ["mail.example.org:587"])}, {"mail.example.org": []}, []))

    assert found["egress_shop"] == found["egress_listed"] == []


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Return name -> addresses, which DNS answers; other names fail."""
    known: dict[str, list[str]] = {}

    def answer(name: str, *_: object) -> Sequence[object]:
        if name not in known:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in known[name]]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return known


def test_the_addresses_of_a_name_follow_dns_and_former_ones_go_after_an_hour(
    tmp_path: Path, dns: dict[str, list[str]]
) -> None:
    resolver = Resolver.load(tmp_path / "seen.json")
    dns["a.test"] = ["192.0.2.1"]
    assert resolver.refresh(["a.test"], NOW) == {"a.test": ["192.0.2.1"]}

    dns["a.test"] = ["192.0.2.2"]
    assert resolver.refresh(["a.test"], NOW + 60) == {"a.test": ["192.0.2.1", "192.0.2.2"]}
    assert resolver.refresh(["a.test"], NOW + 60 + lists.KEPT) == {"a.test": ["192.0.2.2"]}


def test_addresses_are_remembered_while_dns_does_not_answer_and_over_a_restart(
    tmp_path: Path, dns: dict[str, list[str]]
) -> None:
    dns["a.test"] = ["192.0.2.1"]
    Resolver.load(tmp_path / "seen.json").refresh(["a.test"], NOW)
    dns.clear()

    later = Resolver.load(tmp_path / "seen.json")

    assert later.refresh(["a.test", "b.test"], NOW + 10 * lists.KEPT) == {"a.test": ["192.0.2.1"], "b.test": []}
    assert later.refresh(["b.test"], NOW) == {"b.test": []}, "a name that no list has is forgotten"


def test_a_damaged_file_of_addresses_is_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "seen.json").write_text("{", encoding="utf-8")
    assert Resolver.load(tmp_path / "seen.json").seen == {}


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "0.0.0.1", "224.0.0.1"])
def test_no_name_opens_the_metadata_or_the_host(tmp_path: Path, dns: dict[str, list[str]], address: str) -> None:
    dns["evil.test"] = [address, "10.1.2.3"]
    assert Resolver(tmp_path / "seen.json").refresh(["evil.test"], NOW) == {"evil.test": ["10.1.2.3"]}


def test_only_names_are_resolved() -> None:
    applications = {"shop": SHOP, "blog": Application([], ["any:443", "192.0.2.1:80", "b.test", "mail.example.org"])}
    assert lists.names(applications) == ["b.test", "mail.example.org"]


def test_the_lists_of_the_running_release_and_of_the_one_before_are_allowed(tmp_path: Path) -> None:
    def write(name: str, *addresses: str) -> None:
        lists = {"shop": {"services": ["shop"], "addresses": addresses}}
        (tmp_path / name).write_text(json.dumps(lists), encoding="utf-8")

    assert lists.read(tmp_path) == {}
    write("current.json", "a.test", "b.test")
    assert lists.read(tmp_path)["shop"] == Application(["shop"], ["a.test", "b.test"])
    write("former.json", "b.test", "c.test")
    assert lists.read(tmp_path)["shop"] == Application(["shop"], ["a.test", "b.test", "c.test"])


def test_dns_servers_are_those_that_docker_gives_to_containers(tmp_path: Path) -> None:
    (tmp_path / "stub").write_text("nameserver 127.0.0.53\noptions edns0\n", encoding="utf-8")
    (tmp_path / "real").write_text(
        "# nameserver 192.0.2.9\nnameserver 192.0.2.1\nnameserver fd00::1\n", encoding="utf-8"
    )
    (tmp_path / "daemon.json").write_text('{"dns": ["192.0.2.2"]}', encoding="utf-8")
    resolvers = [tmp_path / name for name in ("stub", "real", "none")]

    assert lists.dns_servers(resolvers, tmp_path / "daemon.json") == ["192.0.2.1", "192.0.2.2"]
    assert lists.dns_servers([tmp_path / "stub"], tmp_path / "none") == []


def inspected(sandbox: str, **labels: str) -> Mapping[str, Any]:
    """Return a part of ``docker inspect`` of a container."""
    named = {f"com.docker.{key.replace('_', '.')}": value for key, value in labels.items()}
    return {"NetworkSettings": {"SandboxID": sandbox}, "Config": {"Labels": named or None}}


def test_a_container_is_found_by_its_end_on_the_bridge() -> None:
    bridge = {
        "Containers": {
            "1": {"Name": "gateway_0123456789ab", "IPv4Address": "172.18.0.3/16"},
            "2": {"Name": "gateway_ba9876543210", "IPv4Address": "172.18.0.4/16"},
            "3": {"Name": "gateway_ingress-sbox", "IPv4Address": "172.18.0.2/16"},
        }
    }
    running = [
        inspected("0123456789abcdef", stack_namespace="landfast", swarm_service_name="landfast_shop-mail"),
        inspected("ba9876543210fedc"),
        inspected("ffffffffffffffff", stack_namespace="landfast", swarm_service_name="landfast_inside"),
    ]

    assert rules.containers(bridge, running) == [Container("172.18.0.3", "shop-mail"), Container("172.18.0.4", "")]


def test_the_map_leads_each_container_to_the_list_of_its_application_and_all_others_nowhere() -> None:
    found = rules.mapping([Container("172.18.0.10", "nginx"), Container("172.18.0.3", "shop-mail")], {"shop": SHOP})

    assert found.splitlines()[-2:] == [
        "flush map inet landfast egress_applications",
        "add element inet landfast egress_applications { 172.18.0.3 : goto egress_shop, 172.18.0.10 : return }",
    ]
    assert "add element" not in rules.mapping([], {"shop": SHOP})


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Return the commands of the program, of which Docker's fail; the firewall has refused two packets."""
    noted: list[tuple[str, ...]] = []
    refused = "elements = { 172.18.0.3 . 192.0.2.9 . 443 expires 59m, 172.18.0.9 . 192.0.2.9 . 22 expires 1m }"

    def run(*command: str, given: str = "", check: bool = True) -> str:
        assert check or command[0] == "nft"
        if command[0] == "docker":
            raise OSError("no daemon")
        noted.append((*command, given))
        return refused if command[:3] == ("nft", "list", "set") else ""

    monkeypatch.setattr(egress, "run", run)
    return noted


def test_rules_that_nftables_refuses_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: str, given: str = "", check: bool = True) -> str:
        raise OSError(f"{len(given)} letters are wrong, {check}")

    monkeypatch.setattr(egress, "run", refuse)
    egress.attempt(egress.Watch(tmp_path, tmp_path / "seen.json").refresh)

    assert "stay as they were" in capsys.readouterr().out
    assert not (tmp_path / "rules.nft").exists()


@pytest.mark.usefixtures("commands")
def test_a_refused_connection_is_logged_once_with_its_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = egress.Watch(tmp_path, tmp_path / "seen.json")
    state.containers = [Container("172.18.0.3", "shop-mail")]

    state.log()
    state.log()

    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        "<4>shop-mail was refused a connection to 192.0.2.9:443",
        "<4>172.18.0.9 was refused a connection to 192.0.2.9:22",
    ]


def test_the_containers_stay_known_while_docker_does_not_answer(
    tmp_path: Path, commands: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "current.json").write_text('{"shop": {"services": ["shop"], "addresses": ["any"]}}', encoding="utf-8")
    state = egress.Watch(tmp_path, tmp_path / "seen.json")
    state.containers = [Container("172.18.0.3", "shop")]

    state.refresh()

    loaded = next(given for *command, given in commands if command == ["nft", "--file", "-"])
    assert "172.18.0.3 : goto egress_shop" in loaded
    assert "no daemon" in capsys.readouterr().out
    assert ("nft", "--check", "--file", "-") in [command[:4] for command in commands], "before it is included"
    written = (tmp_path / "rules.nft").read_text(encoding="utf-8")
    assert loaded.startswith(written)
    assert "egress_applications" not in written, "the next boot begins without containers"
