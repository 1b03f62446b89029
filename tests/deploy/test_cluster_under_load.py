"""The whole stack on three machines, changed in every way under load from visitors and tasks.

The tests depend on each other. Each prints a line: requests, failures, tasks accepted and completed, the 99th
percentile before and during the change, seconds.
``DEPLOY_RATE`` is the number of visitors' requests per second.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import tls
from tests.support.authority import Authority
from tests.support.cluster import DOWN, nodes
from tests.support.host import Host
from tests.support.host_image import DEBIAN_13
from tests.support.playbook import PLAYBOOK, command, environment, play
from tests.support.releases import broken_migration, every_image, running_release
from tests.support.requesting import fetch
from tests.support.scan import open_ports
from tests.support.scenario import MANY_VISITORS, NAME, PAGE, visitors, with_download
from tests.support.waiting import PATIENCE, SLOWNESS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.host import Login, Network
    from tests.support.playbook import Inventory
    from tests.support.releases import Checkout

WSGI = "services/web-django/mysite/wsgi.py"
CONTRACT = "services/web-django/compose.yaml"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return the deployed checkout: this repository with a large file of the site."""
    return with_download(tmp_path_factory.mktemp("checkout") / "landfast")


@pytest.fixture(scope="module")
def site(cluster: Inventory, checkout: Checkout, secrets: dict[str, Any]) -> Inventory:
    """Return the cluster with the stack on it, once each machine serves."""
    variables = {
        "landfast_secrets": secrets,
        # Any host may run the site's containers, because these tests upload no pictures.
        "landfast_settings": {
            **MANY_VISITORS,
            "MEDIA_PLACEMENT": "node.platform.os == linux",
            "WEB_REPLICAS": 3,
            "API_REPLICAS": 3,
        },
    }
    site = replace(cluster, variables=variables, checkout=checkout.directory)
    run = play(site, "site", timeout=PLAYBOOK)
    print(f"site.yml on three bare machines: {run.seconds:.0f} s")
    for host in site.hosts:
        assert fetch(host.address, NAME, "/readyz").status == HTTPStatus.OK
    return site


def test_it_goes_from_three_bare_machines_to_the_site(site: Inventory) -> None:
    assert {node["state"] for node in nodes(site.managers[0]).values()} == {"ready"}


def test_site_yml_changes_nothing_the_second_time(site: Inventory) -> None:
    run = play(site, "site")
    assert run.changed == 0, run.output


def test_strangers_reach_nothing_but_ssh_and_the_site(site: Inventory, network: Network) -> None:
    with ThreadPoolExecutor(len(site.hosts)) as pool:  # a scan is mostly waiting
        found = list(pool.map(lambda host: open_ports(host, network), site.hosts))
    assert found == [{22, 80, 443}] * len(site.hosts)


def test_a_deploy_fails_no_request(site: Inventory, checkout: Checkout) -> None:
    release = checkout.commit({PAGE: checkout.read(PAGE) + "\nTRIAL = 1\n"})
    with visitors(site, "deploy of a one-line change"):
        run = play(site, "deploy")
    print(re.findall(r"Release .*? bytes in [\d.]+ s", run.words))
    assert "migrate-web: pending: none" in run.words
    assert "migrate-api: pending: none, the same image runs already" in run.words
    assert release.startswith(running_release(site).partition("-")[0])


def test_a_rollback_fails_no_request(site: Inventory) -> None:
    before = running_release(site)
    with visitors(site, "rollback"):
        play(site, "rollback")
    assert running_release(site) != before


def test_a_release_that_changes_every_image_fails_no_request_on_its_way_and_back(
    site: Inventory, checkout: Checkout
) -> None:
    checkout.commit(every_image(checkout, "three machines"))
    with visitors(site, "a release that changes every image"):
        play(site, "deploy")
    with visitors(site, "the rollback of every image"):
        play(site, "rollback")


NEVER_HEALTHY = "import time\n\ntime.sleep(3600)\n"
CRASHES = (
    "import os\nimport signal\nimport threading\n\n"
    "threading.Timer({seconds}, os.kill, (os.getppid(), signal.SIGKILL)).start()\n"
)


@pytest.mark.parametrize(
    "what",
    [
        "its migration fails",
        "never healthy",
        "its smoke test fails",
    ],
)
def test_a_broken_release_is_taken_back(site: Inventory, checkout: Checkout, what: str) -> None:
    before = running_release(site)
    variables: dict[str, Any] = {}
    if what == "never healthy":
        checkout.commit({WSGI: NEVER_HEALTHY + checkout.read(WSGI)})
        variables, words = {"release_step_seconds": round(60 * SLOWNESS)}, "web-django"
    elif what == "its migration fails":
        checkout.commit(broken_migration(checkout))
        words = "division by zero"
    else:
        words = "words that no page has"
        asked = checkout.read(CONTRACT).replace("smoke: {/: {}", f"smoke: {{/: {{contains: {words}}}")
        assert words in asked
        checkout.commit({PAGE: checkout.read(PAGE) + "\nTRIAL = 2\n", CONTRACT: asked})
        variables = {"release_smoke_seconds": round(5 * PATIENCE)}
    try:
        with visitors(site, f"a release: {what}"):
            run = play(site, "deploy", check=False, variables=variables)
    finally:
        checkout.forget()
    assert run.code != 0, run.output
    assert words in run.words
    assert ("migrate-web: pending: news.9999_broken" in run.words) == (what == "its migration fails")
    assert running_release(site) == before


def test_a_release_that_crashes_after_a_minute_is_taken_back(site: Inventory, checkout: Checkout) -> None:
    before = running_release(site)
    checkout.commit({WSGI: CRASHES.format(seconds=60) + checkout.read(WSGI)})
    try:
        with visitors(site, "a release: crashes after a minute"):
            play(site, "deploy", check=False)
            wait_until(lambda: running_release(site) == before, 300, "the release before to be back", interval=2)
            wait_until(lambda: not watched(site), 420, lambda: standing(site), interval=2)
    finally:
        checkout.forget()


def watched(site: Inventory) -> bool:
    """Return whether the last release is still watched, or being rolled back."""
    return site.managers[0].succeeds("systemctl", "is-active", "--quiet", "landfast-watch")


def standing(site: Inventory) -> str:
    """Return the states of the site's services, and the log of the watch."""
    manager = site.managers[0]
    journal = manager.run("journalctl", "--no-pager", "--quiet", "--lines=40", "--unit=landfast-watch")
    tasks = manager.run("docker", "stack", "ps", "--no-trunc", "--filter=desired-state=running", "landfast")
    services = manager.run("docker", "service", "ls")
    status = manager.run("docker", "service", "inspect", "--format", "{{json .UpdateStatus}}", "landfast_web-django")
    return f"{services}\n{tasks}\n{status}\n{journal}"


def test_the_status_and_the_logs_of_all_hosts_are_told(site: Inventory) -> None:
    assert running_release(site) in play(site, "status").words
    trials = [f"/trial/{uuid.uuid4()}" for _ in site.hosts]
    for host, path in zip(site.hosts, trials, strict=True):
        fetch(host.address, NAME, path)
    logs = play(site, "logs", variables={"service": "nginx", "lines": 2000, "containing": "/trial/"}).words
    assert [path for path in trials if path not in logs] == []
    asked = play(site, "logs", check=False)
    assert asked.code
    assert "-e service=worker" in asked.words


def test_a_restart_and_other_numbers_cost_no_request(site: Inventory) -> None:
    with visitors(site, "web-django restarted, api-flask scaled to 4 and back"):
        play(site, "restart", variables={"restart": ["web-django"]})
        play(site, "scale", variables={"scale": {"api-flask": 4}})
        wait_until(lambda: replicas(site, "api-flask") == (4, 4), 30, "one more")
        play(site, "scale", variables={"scale": {"api-flask": 3}})
        wait_until(lambda: replicas(site, "api-flask") == (3, 3), 60, "one less")


def replicas(site: Inventory, service: str) -> tuple[int, int]:
    """Return how many containers of a service run, and how many are desired."""
    form, name = "{{.Replicas}}", f"landfast_{service}"
    running, _, wanted = (
        site.managers[0].run("docker", "service", "ls", "--format", form, f"--filter=name={name}").partition("/")
    )
    return int(running), int(wanted.split()[0])


def test_a_drained_host_costs_no_request(site: Inventory) -> None:
    name = site.workers[1].name
    with visitors(site, "a host drained and back"):
        play(site, "drain", variables={"node": name})
        play(site, "drain", variables={"node": name, "drained": False})
        wait_until(lambda: serves(site.workers[1]), 120, "the host to serve again", interval=1)


def test_an_update_of_docker_on_hosts_without_the_data_costs_no_request(site: Inventory) -> None:
    before = {host.name: daemon(host) for host in site.hosts}
    with visitors(site, "Docker restarted on two hosts, each drained before"):
        play(site, "update-docker", "--limit", "workers", variables={"docker_restart": True})
    changed = [host.name for host in site.hosts if daemon(host) != before[host.name]]
    assert changed == [host.name for host in site.workers]
    availability = "{{.Spec.Availability}} {{.Status.State}}"
    found = site.managers[0].run("docker", "node", "inspect", "--format", availability, *before)
    assert found.splitlines() == ["active ready"] * len(site.hosts)


def daemon(host: Host) -> str:
    """Return the process id of a host's Docker."""
    return host.run("systemctl", "show", "--property=MainPID", "--value", "docker").strip()


def serves(host: Host) -> bool:
    """Return whether a host answers for the site."""
    try:
        return fetch(host.address, NAME, "/healthz").status == HTTPStatus.OK
    except OSError:
        return False


def test_a_rotated_secret_costs_no_request(site: Inventory) -> None:
    value = f"rotated-{os.urandom(12).hex()}"
    secrets = {**site.variables["landfast_secrets"], "postgres_web_password": value}
    rotated = replace(site, variables={**site.variables, "landfast_secrets": secrets})
    vault = rotated.path.parent / "group_vars/all/vault.yml"
    vault.parent.mkdir(parents=True)
    vault.write_text(json.dumps({"landfast_secrets": secrets}), encoding="ascii")
    try:
        with visitors(site, "the site's database password rotated"):
            play(rotated, "rotate", variables={"secret": "postgres_web_password", "release_secret_is_set": True})
    finally:
        shutil.rmtree(vault.parent.parent)
        site.variables["landfast_secrets"].update(secrets)


@pytest.fixture(scope="module")
def authority(site: Inventory, network: Network, login: Login) -> Iterator[Authority]:
    """Yield a certificate authority for which the site is on a worker; another host requests the certificates."""
    authority = Authority.create(network, login, {NAME: site.workers[0].address})
    yield authority
    authority.host.remove()


def test_a_renewed_certificate_costs_no_request(site: Inventory, authority: Authority) -> None:
    acme = {"landfast_acme_directory": authority.directory, "landfast_acme_ca": str(authority.certificate)}
    site.variables.update({"landfast_certificates": "acme", **acme})
    with visitors(site, "the first certificate of an authority"):
        play(site, "site")
        wait_until(lambda: all("Pebble" in tls.issuer(each) for each in presented(site)), 60, "it on each host")
    before = presented(site)
    assert len(before) == 1
    with visitors(site, "a certificate renewed"):
        # Like the timer; the authority's certificates are due for renewal from the start.
        site.managers[0].run("systemctl", "start", "certbot.service", timeout=300)
        wait_until(lambda: not before & presented(site), 60, "another certificate on each host")
    assert len(presented(site)) == 1


def presented(site: Inventory) -> set[bytes]:
    """Return the certificates that the hosts present."""
    return {tls.certificate(host.address, NAME) for host in site.hosts}


PHASES = ["Build and send the images", "Provide the secrets", "List the pending migrations", "Roll"]


@pytest.mark.parametrize("phase", PHASES)
def test_a_deploy_that_is_killed_can_be_run_again(site: Inventory, checkout: Checkout, phase: str) -> None:
    checkout.commit({PAGE: checkout.read(PAGE) + f"\nTRIAL = {phase!r}\n"})
    with visitors(site, f"ansible-playbook killed at {phase!r}, and run again"):
        process = subprocess.Popen(
            command(site, "deploy"), cwd=site.checkout / "ansible", env=environment(site),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert process.stdout
        for line in process.stdout:
            if f": {phase}]" in line:
                break
        time.sleep(2)  # some moment of the phase; its unfinished work must not matter
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        play(site, "deploy")


def test_a_killed_host_costs_only_what_it_was_doing(site: Inventory) -> None:
    victim = site.workers[1]
    killed: list[float] = []
    # A request that began before the loss of the host may have been in flight on it or on one of its containers.
    with visitors(site, "a host killed", may_fail=lambda each: bool(killed) and each.began < killed[0] + 0.5) as load:
        killed.append(time.monotonic())
        victim.kill()
        wait_until(
            lambda: nodes(site.managers[0])[victim.name]["state"] == "down", DOWN, "the manager to miss the host"
        )
        load.forget(victim.address)
        wait_until(lambda: elsewhere(site, victim), 180, "its containers to run elsewhere", interval=2)


def elsewhere(site: Inventory, victim: Host) -> bool:
    """Return whether each service with several replicas runs all of them on other hosts."""
    manager = site.managers[0]
    for service in ("landfast_web-django", "landfast_api-flask", "landfast_worker"):
        entry = json.loads(manager.run("docker", "service", "inspect", service))[0]
        wanted = entry["Spec"]["Mode"]["Replicated"]["Replicas"]
        form = "{{.Node}} {{.CurrentState}}"
        tasks = manager.run("docker", "service", "ps", "--filter=desired-state=running", "--format", form, service)
        lines = [line for line in tasks.splitlines() if not line.startswith(f"{victim.name} ")]
        if sum(" Running " in line for line in lines) < wanted:
            return False
    return True


@pytest.fixture(scope="module")
def grown(site: Inventory, network: Network) -> Inventory:
    """Return the cluster with a new machine in the place of the lost one."""
    return replace(site, workers=(site.workers[0], Host(site.workers[1].name, network.address(9), DEBIAN_13)))


@pytest.fixture(scope="module")
def steered(grown: Inventory) -> Inventory:
    """Return the same machines, all of them managers."""
    return replace(grown, managers=grown.hosts, workers=())


@pytest.fixture(scope="module")
def restored(steered: Inventory, network: Network) -> Inventory:
    """Return the managers with a new machine in the place of the last one."""
    new = Host(steered.managers[-1].name, network.address(8), DEBIAN_13)
    return replace(steered, managers=(*steered.managers[:-1], new))


def put_in_place(site: Inventory, network: Network, login: Login, what: str) -> None:
    """Create the last machine of ``site`` and let it replace the lost one while visitors use the others."""
    *others, new = site.hosts
    new.remove()  # the replaced machine
    new.create(network, login.public_key)
    with visitors(replace(site, managers=tuple(others), workers=()), what) as load:
        play(site, "replace", variables={"node": new.name})
        wait_until(lambda: serves(new), 120, "the new machine to serve", interval=1)
        load.add(new.address)
    assert len(presented(site)) == 1


def test_a_new_machine_takes_the_place_of_a_lost_worker(grown: Inventory, network: Network, login: Login) -> None:
    put_in_place(grown, network, login, "a worker replaced")


def test_workers_become_managers(steered: Inventory) -> None:
    with visitors(steered, "two workers made managers"):
        play(steered, "site")
    assert {node["role"] for node in nodes(steered.managers[0]).values()} == {"manager"}
    assert len({manager.run("landfast", "current") for manager in steered.managers}) == 1


def test_a_new_machine_takes_the_place_of_a_lost_manager(
    steered: Inventory, restored: Inventory, network: Network, login: Login
) -> None:
    first, lost = steered.managers[0], steered.managers[-1]
    lost.kill()
    wait_until(lambda: nodes(first)[lost.name]["state"] == "down", DOWN, "the others to miss it")
    put_in_place(restored, network, login, "a manager replaced")
    assert nodes(first)[lost.name]["role"] == "manager"
    assert restored.managers[-1].run("landfast", "current") == first.run("landfast", "current")


def test_a_host_is_taken_out(restored: Inventory) -> None:
    first, gone, last = restored.managers
    with visitors(replace(restored, managers=(first, last)), "a host taken out"):
        play(restored, "remove", variables={"node": gone.name})
    assert gone.name not in nodes(first)
    assert "inactive" in gone.run("docker", "info", "--format", "{{.Swarm.LocalNodeState}}")
