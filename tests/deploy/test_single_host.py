"""One bare machine becomes a server: the tests follow each other, from nothing to the reboot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.host_image import DEBIAN_13, image
from tests.support.image_registry import ADDRESS, send
from tests.support.playbook import HOSTS_ONLY, play
from tests.support.scan import open_ports
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.host import Host, Login, Network
    from tests.support.playbook import Inventory

pytestmark = pytest.mark.long


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


def test_it_sets_up_docker_for_servers(host: Host) -> None:
    settings = json.loads(host.run("cat", "/etc/docker/daemon.json"))
    expected = {"no-new-privileges": True, "live-restore": False, "icc": False, "userland-proxy": False}
    assert settings.items() >= expected.items()
    assert settings["log-opts"]["max-size"]
    assert "no-new-privileges" in host.run("docker", "info", "--format", "{{.SecurityOptions}}")


def test_it_takes_no_password_over_ssh(host: Host, login: Login) -> None:
    host.run("sh", "-c", f"echo {host.user}:let-me-in | chpasswd")
    only_password = ("-o", "PreferredAuthentications=password,keyboard-interactive", "-v")
    refused = login.ssh(host, "true", options=only_password)
    assert refused.returncode == 255
    assert "Authentications that can continue: publickey\n" in refused.stderr.replace("\r", "")
    assert login.ssh(host, "true").returncode == 0


def test_it_forwards_no_agent_and_nothing_to_the_host(host: Host, login: Login) -> None:
    settings = host.run("/usr/sbin/sshd", "-T").splitlines()
    assert {"allowagentforwarding no", "x11forwarding no", "allowtcpforwarding local"} <= set(settings)
    assert login.ssh(host, "cat", "/etc/hostname").stdout.strip() == host.name


def test_images_come_through_ssh(host: Host, login: Login) -> None:
    name = send(image(DEBIAN_13), "landfast/visitor:1", host, login)
    host.run("docker", "pull", "--quiet", name, timeout=300)
    assert name in host.run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}")


def test_only_ssh_and_the_site_answer_from_outside(host: Host, network: Network) -> None:
    listen = ["python3", "-m", "http.server"]
    host.run("systemd-run", "--quiet", "--unit=careless", *listen, "8001")
    host.run(
        "docker", "run", "--detach", "--rm", "--publish=8002:8000", f"{ADDRESS}/landfast/visitor:1", *listen, "8000"
    )
    # The firewall is what keeps strangers out: on the host itself both answer.
    wait_until(lambda: all(answers(host, port) for port in (8001, 8002)), 30, "the careless servers to answer")
    assert open_ports(host, network) == {22}


def test_security_updates_come_by_themselves_but_leave_docker_alone(host: Host) -> None:
    settings = host.run("apt-config", "dump")
    assert 'APT::Periodic::Unattended-Upgrade "1";' in settings
    assert r'Unattended-Upgrade::Package-Blacklist:: "^docker\.io$";' in settings
    assert host.run("systemctl", "is-enabled", "apt-daily-upgrade.timer").strip() == "enabled"


def test_somebody_keeps_the_time(host: Host) -> None:
    assert "not-installed chrony" in host.run(
        "dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}", "chrony"
    )
    assert host.run("systemctl", "is-enabled", "systemd-timesyncd").strip() == "enabled"


def test_the_journal_is_bounded(host: Host) -> None:
    assert "SystemMaxUse=500M" in host.run("systemd-analyze", "cat-config", "systemd/journald.conf")


def test_the_kernel_forwards_packets_for_docker(host: Host) -> None:
    assert host.run("sysctl", "--values", "net.ipv4.ip_forward").strip() == "1"
    assert host.run("sysctl", "--values", "net.ipv4.conf.all.accept_redirects").strip() == "0"


def test_a_reboot_brings_everything_back(host: Host, network: Network, single: Inventory) -> None:
    host.reboot()
    wait_until(lambda: host.succeeds("docker", "node", "ls"), 60, "the swarm to be steered again")
    wait_until(lambda: registry_answers(host), 30, "the registry to answer again")
    assert host.run("systemctl", "--failed", "--quiet", "--no-legend").strip() == ""
    assert open_ports(host, network) == {22}
    assert play(single, "site", *HOSTS_ONLY).changed == 0


def answers(host: Host, port: int) -> bool:
    """Return whether something answers HTTP on a port, asked on the host itself by its own address."""
    script = f"import urllib.request as r; r.urlopen('http://{host.address}:{port}/', timeout=2)"
    return host.succeeds("python3", "-c", script)


def registry_answers(host: Host) -> bool:
    """Return whether the image registry answers on the host itself."""
    script = f"import urllib.request as r; r.urlopen('http://{ADDRESS}/v2/')"
    return host.succeeds("python3", "-c", script)
