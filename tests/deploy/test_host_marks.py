"""The marks of a server with the whole stack by ssh-audit, Lynis and docker-bench-security: others' work, unchanged.

The server is a container: its kernel, devices and mounts belong to the machine below.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support import scanner
from tests.support.host import Host
from tests.support.host_image import DEBIAN_13
from tests.support.playbook import play
from tests.support.stack import COMMAND
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.host import Login, Network
    from tests.support.playbook import Inventory

#: Seconds for a scan, and for the installation of a scanner, on an idle reference machine.
SCAN, INSTALL = 120, 120

#: Lynis' index goes from 0 to 100.
LYNIS_GOAL = 85
#: What Lynis writes for programs.
LYNIS_REPORT = "/var/log/lynis-report.dat"
MACHINE_BELOW = "the machine below has it, not the container"
KEYS_ONLY = "nobody logs in with a password, and sshd itself shuts out addresses that fail again and again"
EXPIRY = "forced changes make passwords worse (NIST SP 800-63B, 3.1.1.2), and no login takes one"
#: Lynis' tests that do not count, and why.
LYNIS_EXCEPTIONS = {
    "ACCT-9628": MACHINE_BELOW,  # auditd, which the role "hardening" installs on other machines
    "FILE-6310": MACHINE_BELOW,
    "FILE-6374": MACHINE_BELOW,
    "KRNL-6000:dev.tty.ldisc_autoload": MACHINE_BELOW,  # the role "system" sets these elsewhere
    "KRNL-6000:fs.protected_fifos": MACHINE_BELOW,
    "KRNL-6000:fs.protected_regular": MACHINE_BELOW,
    "KRNL-6000:fs.protected_symlinks": MACHINE_BELOW,
    "KRNL-6000:kernel.core_uses_pid": MACHINE_BELOW,
    "KRNL-6000:kernel.ctrl-alt-del": MACHINE_BELOW,
    "KRNL-6000:kernel.kptr_restrict": MACHINE_BELOW,
    "KRNL-6000:kernel.unprivileged_bpf_disabled": MACHINE_BELOW,
    "MACF-6290": MACHINE_BELOW,
    "USB-3000": MACHINE_BELOW,
    "KRNL-6000:net.ipv4.conf.all.forwarding": "Docker forwards",
    "KRNL-6000:net.ipv4.conf.all.rp_filter": "the strict mode drops packets of networks between containers",
    "FIRE-4508": "it reads Docker's own chains; the table of the role firewall, which comes before them, drops",
    "FILE-6344": "systemd and its login manager do not support a hidden /proc",
    "SSH-7408:allowtcpforwarding": "images come through it; it is for ports of the host alone",
    "SSH-7408:port": "another port hides nothing from a scan",
    "SSH-7440": "the users of a server are its owner's choice",
    "AUTH-9230": KEYS_ONLY,
    "AUTH-9286": EXPIRY,
    "DEB-0880": KEYS_ONLY,
    "TOOL-5190": KEYS_ONLY,
    "DEB-0810": "apt-listbugs asks a person before each installation; security updates come at night",
}

#: Where a clone of https://github.com/docker/docker-bench-security is. No package has it, so that a run without a clone
#: has no test of it.
DOCKER_BENCH = os.environ.get("DOCKER_BENCH_SECURITY", "")
DOCKER_BENCH_COMMIT = "ff26d67f25be60fc2d82a01710ee14570b2cb9db"
#: Its checks that fail, and why.
DOCKER_BENCH_EXCEPTIONS = {
    **{
        f"1.1.{number}": "auditd needs the machine below; elsewhere the role hardening has its rules"
        for number in (*range(3, 13), *range(14, 19))
    },
    "2.9": "user namespaces would hide all volumes of a server that has some; no service runs as root",
    "2.12": "whoever may call the daemon is root: nobody but root may",
    "4.5": "images come from the operator's machine over SSH, into a registry that listens on loopback",
    "4.6": "health checks are in the Compose files, with the timings of their services",
    "5.1": "the stack runs in a swarm",
    "5.2": MACHINE_BELOW,  # Docker uses its own profile where the kernel has AppArmor
    "5.3": "SELinux is for distributions without AppArmor",
    "5.12": "each limit of processors would leave idle ones unused; memory and processes have limits",
    "7.3": "one machine sends nothing to others",
    "7.5": "a locked swarm waits for a person after each reboot",
}
_FAILED = re.compile(r"^\[WARN\] (\d+\.\d+(?:\.\d+)?) ", re.MULTILINE)


@pytest.fixture(scope="module")
def host(network: Network, login: Login) -> Iterator[Host]:
    """Yield a bare machine with the newest Debian."""
    host = Host("single-1", network.address(1), DEBIAN_13)
    try:
        host.create(network, login.public_key)
        yield host
    finally:
        host.remove()


def test_it_becomes_a_server_with_the_whole_stack(single: Inventory) -> None:
    play(single, "site")


def test_ssh_audit_warns_of_nothing(host: Host, network: Network) -> None:
    # From a stranger's address: sshd shuts a scanner out for a while, and would shut out Ansible with it.
    scanner.build_image()
    found = json.loads(scanner.run('ssh-audit --json "$1"', host.address, timeout=SCAN, network=network.name))

    algorithms = [each for kind in ("kex", "key", "enc", "mac") for each in found[kind]]
    assert [each for each in algorithms if each["notes"].keys() & {"fail", "warn"}] == []
    assert found["cves"] == []
    assert "DHEat" not in "".join(found["additional_notes"])
    assert {"mlkem768x25519-sha256", "rsa-sha2-512", "ssh-ed25519"} <= {each["algorithm"] for each in algorithms}


def test_lynis_gives_many_points(host: Host) -> None:
    host.run("apt-get", "-qq", "install", "--yes", "--no-install-recommends", "lynis", timeout=INSTALL)
    skipped = "".join(f"skip-test={name}\n" for name in LYNIS_EXCEPTIONS)
    host.write("/root/exceptions.prf", skipped)
    indexes = [lynis(host), lynis(host, "--profile", "/root/exceptions.prf")]
    print(f"Lynis' index: {indexes[0]}, without the exceptions {indexes[1]}")

    assert indexes[1] >= LYNIS_GOAL, host.run("grep", "--extended-regexp", "^(suggestion|warning)", LYNIS_REPORT)


def lynis(host: Host, *options: str) -> int:
    """Return Lynis' index of a host."""
    host.run("lynis", "audit", "system", "--quick", "--quiet", *options, timeout=SCAN)
    return int(host.run("sed", "--quiet", "s/^hardening_index=//p", LYNIS_REPORT))


if DOCKER_BENCH:

    def test_docker_bench_finds_nothing_that_compose_or_the_host_decides(host: Host, tmp_path: Path) -> None:
        archive = ["git", "-C", DOCKER_BENCH, "archive", f"--output={tmp_path}/bench.tar", DOCKER_BENCH_COMMIT]
        subprocess.run(archive, check=True, timeout=PATIENCE * COMMAND)
        host.run("mkdir", "/root/bench")
        with (tmp_path / "bench.tar").open("rb") as file:
            unpack = ["docker", "exec", "--interactive", host.container, "tar", "--extract", "--directory=/root/bench"]
            subprocess.run(unpack, stdin=file, check=True, timeout=PATIENCE * COMMAND)
        report = host.run("sh", "-c", "cd /root/bench && bash docker-bench-security.sh -b", timeout=SCAN)
        failed = set(_FAILED.findall(report))
        print("docker-bench-security:", *re.findall("Checks: .*|Score: .*", report), f"{len(failed)} exceptions")

        assert failed - DOCKER_BENCH_EXCEPTIONS.keys() == set(), report
        assert DOCKER_BENCH_EXCEPTIONS.keys() - failed == set(), "an exception that is not needed"
