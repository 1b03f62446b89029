"""The marks of a server with the whole stack by the scanners of others, unchanged, and the timer of security updates.

They are ssh-audit, Lynis, MDN's HTTP Observatory and docker-bench-security. The server is a container: its kernel,
devices and mounts belong to the machine below.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import browser, operators, scanner
from tests.support.host import Host
from tests.support.host_image import DEBIAN_13
from tests.support.observatory import OTHERS, OURS, scan
from tests.support.packages import AGE, AGED
from tests.support.playbook import play
from tests.support.releases import Checkout, running_release
from tests.support.requesting import fetch
from tests.support.scenario import NAME
from tests.support.site import Site
from tests.support.stack import COMMAND
from tests.support.waiting import PATIENCE, SLOWNESS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.host import Login, Network
    from tests.support.playbook import Inventory

#: Seconds for a scan, and for the installation of a scanner, on an idle reference machine.
SCAN, INSTALL = 120, 120

#: Lynis' index goes from 0 to 100: on a server, and on this one as it is.
LYNIS_GOAL, LYNIS_AS_IT_IS = 85, 81
#: What Lynis writes for programs.
LYNIS_REPORT = "/var/log/lynis-report.dat"
#: Lynis' tests of parts that the machine below has, and not the container.
MACHINE_BELOW = (
    "ACCT-9628",  # auditd, which the role "hardening" installs on other machines
    "KRNL-6000:dev.tty.ldisc_autoload",  # the role "system" sets these elsewhere
    "KRNL-6000:fs.protected_fifos",
    "KRNL-6000:kernel.core_uses_pid",
    "KRNL-6000:kernel.ctrl-alt-del",
    "KRNL-6000:kernel.kptr_restrict",
    "KRNL-6000:kernel.unprivileged_bpf_disabled",
    "USB-3000",
)

#: The date of the timer of security updates, and the seconds until an update has been built and rolled out.
UPDATE_ON, UPDATE = "Sun 04:00", 600
UNIT = "landfast-update.service"
#: Keeps the server itself from opening connections, as if its network were down; answers to visitors go out.
CUT = """nft -f - <<'RULES'
table inet cut {
    chain output {
        type filter hook output priority -20;
        oifname != "lo" ct state new reject
    }
}
RULES"""

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
    "5.2": "the kernel of the machine below decides",  # Docker uses its own profile where the kernel has AppArmor
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


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return a checkout whose image of Nginx lacks a security update, as if it had been built long ago."""
    checkout = Checkout.create(tmp_path_factory.mktemp("checkout") / "landfast")
    recipe = checkout.read("nginx/Dockerfile")
    changed = recipe.replace("USER 10004:10004\n", f"RUN {AGE}\nUSER 10004:10004\n")
    assert changed != recipe
    checkout.commit({"nginx/Dockerfile": changed})
    return checkout


@pytest.fixture
def single(single: Inventory, aged: Checkout) -> Inventory:
    """Return the inventory of the one machine, whose updates come by a timer."""
    variables = {**single.variables, "release_update_on": UPDATE_ON, "release_watch_seconds": round(10 * SLOWNESS)}
    return replace(single, checkout=aged.directory, variables=variables)


def test_it_becomes_a_server_with_the_whole_stack(single: Inventory, host: Host) -> None:
    play(single, "site")
    wait_until(lambda: is_ready(host), 240, "the site to be ready", interval=1)


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
    host.write("/root/below.prf", "".join(f"skip-test={name}\n" for name in MACHINE_BELOW))
    as_it_is, own = lynis(host), lynis(host, "--profile", "/root/below.prf")
    print(f"Lynis' index: {as_it_is}, without what the machine below has {own}")

    left = host.run("grep", "--extended-regexp", "^(suggestion|warning)", LYNIS_REPORT)
    assert as_it_is >= LYNIS_AS_IT_IS, left
    assert own >= LYNIS_GOAL, left


def is_ready(host: Host) -> bool:
    """Return whether the site reports every dependency as ready."""
    try:
        return fetch(host.address, NAME, "/readyz").status == HTTPStatus.OK
    except OSError:
        return False


def lynis(host: Host, *options: str) -> int:
    """Return Lynis' index of a host."""
    host.run("lynis", "audit", "system", "--quick", "--quiet", *options, timeout=SCAN)
    return int(host.run("sed", "--quiet", "s/^hardening_index=//p", LYNIS_REPORT))


@pytest.fixture
def site(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a visitor of the server who trusts its certificate, and for whom its name leads to it."""
    authority = tmp_path / "authority.pem"
    authority.write_text(host.run("cat", "/etc/landfast/tls/current/tls_certificate"), encoding="ascii")
    tmp_path.chmod(0o755)
    resolve = socket.getaddrinfo

    def resolved(name: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the function's own
        return resolve(host.address if name == NAME else name, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return Site(f"https://{NAME}", str(authority))


def test_the_observatory_gives_the_pages_of_a_server_the_best_marks(host: Host, site: Site, tmp_path: Path) -> None:
    def execute(service: str, *command: str) -> str:
        label = f"label=com.docker.swarm.service.name=landfast_{service}"
        container = host.run("docker", "ps", "--quiet", f"--filter={label}").split()[0]
        return host.run("docker", "exec", container, *command)

    # Load balancers ask for the health over plain HTTP, so that it does not lead to HTTPS.
    pages = {page: score for page, score in OURS.items() if page != "/healthz"}
    browser.build_image()
    session = operators.log_in(site, *operators.make(execute)).session.cookies["console_session"]
    authority = tmp_path / "authority.pem"
    marks = {
        **scan(NAME, pages, authority, address=host.address),
        **scan(NAME, OTHERS, authority, f"console_session={session}", address=host.address),
    }
    print("Observatory:", {page: each.score for page, each in marks.items()})

    wanted = {**pages, **OTHERS}
    assert {page: each for page, each in marks.items() if (each.status, each.grade) != (200, "A+")} == {}
    assert {page: each for page, each in marks.items() if each.score < wanted[page]} == {}


def test_the_timer_gives_the_running_release_its_security_updates(single: Inventory, host: Host) -> None:
    before = running_release(single, "nginx")
    times = host.run("systemctl", "show", "--property=TimersCalendar", "landfast-update.timer")
    assert "OnCalendar=Sun *-*-* 04:00:00 " in times
    assert host.run("systemctl", "show", "--property=Unit", "--value", "landfast-update.timer").strip() == UNIT
    assert host.run("systemctl", "is-enabled", "landfast-update.timer").strip() == "enabled"
    assert f"{AGED} 3.0.1-1 -> " in host.run("landfast", "updates", timeout=UPDATE)

    host.run("systemctl", "start", UNIT, timeout=UPDATE)

    assert running_release(single, "nginx").startswith(f"{before}-debian")
    assert running_release(single, "api-flask") == before, "its image lacks nothing"
    wait_until(lambda: is_ready(host), 60, "the site to be ready", interval=1)


def test_the_timer_changes_nothing_where_nothing_is_lacking(single: Inventory, host: Host) -> None:
    before = running_release(single, "nginx")

    host.run("systemctl", "start", UNIT, timeout=UPDATE)

    assert "no image lacks a security update" in said(host)
    assert running_release(single, "nginx") == before


def test_a_run_of_the_timer_that_cannot_ask_the_mirror_fails_and_says_so(single: Inventory, host: Host) -> None:
    before = running_release(single, "nginx")
    host.run("sh", "-c", CUT)
    try:
        assert not host.succeeds("systemctl", "start", UNIT)
    finally:
        host.run("nft", "delete", "table", "inet", "cut")

    assert "the Debian mirror was not asked" in said(host)
    assert host.run("systemctl", "is-failed", UNIT).strip() == "failed"
    assert running_release(single, "nginx") == before
    host.run("systemctl", "reset-failed", UNIT)


def said(host: Host) -> str:
    """Return the log of the last run of the timer's unit."""
    invocation = host.run("systemctl", "show", "--property=InvocationID", "--value", UNIT).strip()
    host.run("journalctl", "--sync")
    return host.run("journalctl", "--no-pager", "--output=cat", f"_SYSTEMD_INVOCATION_ID={invocation}")


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
