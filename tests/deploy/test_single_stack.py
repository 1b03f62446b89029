"""One bare machine becomes a server with the whole stack, and serves again after a reboot."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped] # Ansible brings it

from tests.support.egress import connections
from tests.support.packages import AGE, AGED
from tests.support.playbook import play
from tests.support.releases import another_port, broken_migration, every_image, running_release
from tests.support.requesting import fetch
from tests.support.scan import open_ports
from tests.support.scenario import MANY_VISITORS, NAME, PAGE, visitors, with_download
from tests.support.stack import ROOT
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from tests.support.host import Host, Login, Network
    from tests.support.playbook import Inventory
    from tests.support.releases import Checkout


#: The contract of an application, an address that a release adds to its list, and the lists on a host.
CONTRACT, NAMED, LISTS = "services/web-django/compose.yaml", "192.0.2.1:443", "/etc/landfast/egress"

#: The unit that looks for changed files.
INTEGRITY = "landfast-integrity"

#: Seconds of load before and after a change.
BRIEF = 4.0

#: Calls the image registry, which answers on loopback, with a socket that is marked like the site's.
CALL = """
import socket, sys
each = socket.socket()
each.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, int(sys.argv[1]))
each.settimeout(float(sys.argv[2]))
each.connect(("127.0.0.1", 5000))
"""

#: Records the arguments and the environment of every process of the host, a few times a second.
WATCH = (
    "while sleep 0.3; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; done"
    " | LC_ALL=C tr -c '[:print:]' '\\n' > /run/seen"
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return the deployed checkout: this repository with a large file of the site."""
    return with_download(tmp_path_factory.mktemp("checkout") / "landfast")


@pytest.fixture
def single(single: Inventory, checkout: Checkout) -> Inventory:
    """Return the inventory of the one machine, which gets releases of the checkout."""
    variables = {**single.variables, "landfast_settings": MANY_VISITORS}
    return replace(single, checkout=checkout.directory, variables=variables)


def test_it_goes_from_a_bare_machine_to_the_site(single: Inventory, host: Host, secrets: dict[str, Any]) -> None:
    host.run("systemd-run", "--quiet", "--unit=watch", "sh", "-c", WATCH)
    run = play(single, "site", "-v")
    host.run("systemctl", "stop", "watch")
    print(f"site.yml on a bare Debian {host.release.version}: {run.seconds:.0f} s")
    wait_until(lambda: is_ready(host), 60, lambda: f"the site to be ready:\n{services(host)}", interval=1)
    assert b"</html>" in fetch(host.address, NAME, "/").body
    assert shown(secrets, run.output) == []
    seen = host.run("cat", "/run/seen")
    assert "gunicorn" in seen, "the watch sees the arguments of processes"
    assert shown(secrets, seen) == []


def test_no_secret_is_in_what_docker_and_the_journal_tell(host: Host, secrets: dict[str, Any]) -> None:
    state = ("systemctl", "show", "--property=ActiveState", "--value", "landfast-backup")
    # The containers of the first backup would be gone between the list and the inspection.
    wait_until(lambda: host.run(*state).strip() != "activating", 120, "the first backup to end")
    # `docker inspect` without a kind knows no configs, and only --pretty shows their text.
    of_swarm = "for kind in service secret node; do docker $kind inspect $(docker $kind ls --quiet) || exit; done"
    configs = "docker config inspect --pretty $(docker config ls --quiet)"
    containers = "docker inspect $(docker ps --all --quiet)"
    told = host.run("sh", "-c", f"{containers} && {of_swarm} && {configs} && journalctl --no-pager")
    assert "landfast_web-django" in told
    assert "landfast-records" in told
    assert shown(secrets, told) == []


def test_it_changes_nothing_the_second_time(single: Inventory) -> None:
    run = play(single, "site")
    assert run.changed == 0, run.output


def test_it_would_change_nothing_in_check_mode(single: Inventory) -> None:
    run = play(single, "site", "--check")
    assert run.changed == 0, run.output


def test_it_sends_visitors_on_to_https(host: Host) -> None:
    answer = fetch(host.address, NAME, "/news/?page=2", https=False)
    assert (answer.status, answer.location) == (HTTPStatus.PERMANENT_REDIRECT, f"https://{NAME}/news/?page=2")


def test_only_ssh_and_the_site_answer_from_outside(host: Host, network: Network) -> None:
    assert open_ports(host, network) == {22, 80, 443}


def test_who_takes_over_nginx_cannot_call_the_hosts_services_with_its_sockets(host: Host) -> None:
    units = [f"landfast-edge{kind}.socket" for kind in ("", "-ipv6", "-quic", "-quic-ipv6")]
    marks = {host.run("systemctl", "show", "--property=Mark", "--value", unit).strip() for unit in units}
    assert len(marks) == 1
    mark = marks.pop()
    assert int(mark) > 0
    patience = str(PATIENCE * 2)
    assert host.succeeds("python3", "-c", CALL, "0", patience)
    assert not host.succeeds("python3", "-c", CALL, mark, patience)


def test_who_takes_over_a_worker_reaches_no_metadata_and_no_neighbour(host: Host) -> None:
    addresses = ("169.254.169.254:80", "10.255.1.1:80", "192.0.2.1:443", f"{host.address}:22")
    assert connections(host, "landfast_web-mail", *addresses) == dict.fromkeys(addresses, "refused")


def test_it_sets_up_docker_for_servers(host: Host) -> None:
    settings = json.loads(host.run("cat", "/etc/docker/daemon.json"))
    expected = {"no-new-privileges": True, "live-restore": False, "icc": False, "userland-proxy": False}
    assert settings.items() >= expected.items()
    assert settings["log-opts"]["max-size"]
    assert "no-new-privileges" in host.run("docker", "info", "--format", "{{.SecurityOptions}}")


def test_it_takes_no_password_over_ssh(host: Host, login: Login) -> None:
    host.run("sh", "-c", f"echo {host.user}:Fluor1ne-Torches | chpasswd")  # a weak one is refused (role hardening)
    only_password = ("-o", "PreferredAuthentications=password,keyboard-interactive", "-v")
    refused = login.ssh(host, "true", options=only_password)
    assert refused.returncode == 255
    assert "Authentications that can continue: publickey\n" in refused.stderr.replace("\r", "")
    assert login.ssh(host, "true").returncode == 0


def test_it_forwards_no_agent_and_nothing_to_the_host(host: Host, login: Login) -> None:
    settings = host.run("/usr/sbin/sshd", "-T").splitlines()
    assert {"allowagentforwarding no", "x11forwarding no", "allowtcpforwarding local"} <= set(settings)
    assert login.ssh(host, "cat", "/etc/hostname").stdout.strip() == host.name


def test_security_updates_come_by_themselves_but_leave_docker_alone(host: Host) -> None:
    settings = host.run("apt-config", "dump")
    assert 'APT::Periodic::Unattended-Upgrade "1";' in settings
    assert r'Unattended-Upgrade::Package-Blacklist:: "^docker\.io$";' in settings
    assert host.run("systemctl", "is-enabled", "apt-daily-upgrade.timer").strip() == "enabled"


def test_a_changed_program_is_a_warning_in_the_journal_once(host: Host) -> None:
    host.run("systemctl", "start", INTEGRITY)
    host.write("/usr/local/sbin/first", "#!/bin/sh\n")
    host.run("sh", "-c", "echo '# changed' >> /usr/sbin/needrestart")
    host.run("systemctl", "start", INTEGRITY)
    host.write("/usr/local/sbin/second", "#!/bin/sh\n")
    host.run("systemctl", "start", INTEGRITY)

    def warnings() -> str:
        return host.run("journalctl", f"--unit={INTEGRITY}", "--priority=warning", "--output=cat", "--no-pager")

    wait_until(lambda: "/usr/local/sbin/second" in warnings(), 20, warnings)
    assert warnings().count("/usr/local/sbin/first") == 1, warnings()
    assert "changed file /usr/sbin/needrestart (from needrestart package)" in warnings()
    assert host.run("systemctl", "is-enabled", f"{INTEGRITY}.timer").strip() == "enabled"


def test_the_audit_log_could_watch_all_that_its_rules_name(host: Host) -> None:
    # Only the machine below has an audit log. One refuses a rule whose folder is missing: the playbook would fail.
    variables = yaml.safe_load((ROOT / "ansible/roles/hardening/vars/main.yml").read_text(encoding="utf-8"))
    host.run("ls", "--directory", *{str(Path(path).parent) for path in variables["hardening_audited_paths"]})


def test_the_hash_of_a_new_password_is_costly(host: Host) -> None:
    host.run("sh", "-c", f"echo {host.user}:Fluor1ne-Torches | chpasswd")
    factor = "jBT" if int(host.release.version) >= 13 else "j9T"  # 7; Debian 12's PAM has always 5
    assert host.succeeds("grep", "--quiet", rf"^{host.user}:\$y\${factor}\$", "/etc/shadow")


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


def test_a_deploy_fails_no_request(single: Inventory, checkout: Checkout, host: Host) -> None:
    contract = checkout.read(CONTRACT).replace("egress: [smtp", f'egress: ["{NAMED}", smtp')
    checkout.commit({PAGE: checkout.read(PAGE) + "\nTRIAL = 1\n", CONTRACT: contract, **another_port(checkout)})
    with visitors(single, "deploy of a line and of the API's port to one machine", before=BRIEF, after=BRIEF):
        run = play(single, "deploy")
    assert "migrate-web: pending: none" in run.output
    assert NAMED in host.run("cat", f"{LISTS}/current.json")
    assert not host.succeeds("test", "-e", f"{LISTS}/former.json"), "only the new release's list is open"


@pytest.mark.long
def test_a_release_that_changes_every_image_fails_no_request(single: Inventory, checkout: Checkout) -> None:
    checkout.commit(every_image(checkout, "one machine"))
    with visitors(single, "a release that changes every image, on one machine", before=BRIEF, after=BRIEF):
        play(single, "deploy")


@pytest.mark.long  # two rollouts more; tests/images has the layer itself, and tests/servers the release
def test_security_updates_reach_the_running_release_and_fail_no_request(single: Inventory, checkout: Checkout) -> None:
    recipe = checkout.read("nginx/Dockerfile")
    # As if it had been built long ago: the list of packages has an older version of one.
    aged = recipe.replace("USER 10004:10004\n", f"RUN {AGE}\nUSER 10004:10004\n")
    assert aged != recipe
    commit = checkout.commit({"nginx/Dockerfile": aged})
    deployed = play(single, "deploy")
    assert "nginx lacks security updates even on fresh packages" in deployed.words
    assert "lacks 1 security updates" in play(single, "update", "--check").words

    with visitors(single, "update.yml: Debian's security updates", before=BRIEF, after=BRIEF):
        updated = play(single, "update")

    assert f"{AGED} 3.0.1-1 -> " in updated.words
    assert running_release(single, "nginx").startswith(f"{commit[:12]}-debian")
    assert "no image lacks a security update" in play(single, "update").words
    play(single, "deploy")
    assert running_release(single, "nginx").startswith(f"{commit[:12]}-debian")
    assert "no image lacks a security update" in play(single, "update").words, "the deploy did not go back"


def test_a_release_whose_migration_fails_is_taken_back(single: Inventory, checkout: Checkout) -> None:
    before = running_release(single)
    checkout.commit(broken_migration(checkout))
    try:
        with visitors(single, "a release whose migration fails", before=BRIEF, after=BRIEF):
            run = play(single, "deploy", check=False)
    finally:
        checkout.forget()
    assert run.code != 0, run.output
    assert "division by zero" in run.words
    assert running_release(single) == before


def test_a_rollback_to_a_release_with_another_port_fails_no_request(single: Inventory, host: Host) -> None:
    """The first release's API does not listen where the Nginx of later ones calls it."""
    first = json.loads(host.run("cat", "/var/lib/landfast/releases/state.json"))[0]["release"]
    assert running_release(single) != first
    with visitors(single, "rollback on one machine", before=BRIEF, after=BRIEF):
        play(single, "rollback", variables={"release_to": first})
    assert running_release(single) == first
    assert NAMED not in host.run("cat", f"{LISTS}/former.json"), "the list of the release before is open again"


def test_a_restart_of_docker_refuses_nobody_and_nginx_is_back_soon(host: Host) -> None:
    """The sockets belong to the host: visitors wait until the next Nginx accepts them."""
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        refusals = pool.submit(come_and_go, host, ended)
        try:
            host.run("systemctl", "restart", "docker")
            wait_until(lambda: is_ready(host, "/healthz"), 15, "Nginx to be back")
        finally:
            ended.set()
    assert refusals.result() == []
    wait_until(lambda: is_ready(host), 240, lambda: f"the site to be ready again:\n{services(host)}", interval=1)


def come_and_go(host: Host, ended: threading.Event) -> list[str]:
    """Connect to a host again and again until ``ended``, and return the refusals."""
    refusals = []
    while not ended.wait(0.05):
        try:
            socket.create_connection((host.address, 443), timeout=PATIENCE * 5).close()
        except OSError as error:
            refusals.append(repr(error))
    return refusals


def test_a_reboot_brings_the_stack_back(host: Host) -> None:
    host.reboot()
    wait_until(lambda: is_ready(host), 240, lambda: f"the site to be ready again:\n{services(host)}", interval=1)
    assert host.run("systemctl", "--failed", "--quiet", "--no-legend").strip() == ""


def shown(secrets: dict[str, Any], text: str) -> list[str]:
    """Return the names of the secrets whose values are in a text."""
    return [name for name, value in secrets.items() if str(value) in text]


def is_ready(host: Host, path: str = "/readyz") -> bool:
    """Return whether the site reports every dependency as ready, or answers 200 at another path."""
    try:
        return fetch(host.address, NAME, path).status == HTTPStatus.OK
    except OSError:
        return False


def services(host: Host) -> str:
    """Return how many containers of each service run."""
    return host.run("docker", "service", "ls", "--format", "{{.Name}} {{.Replicas}}")
