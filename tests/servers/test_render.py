"""Swarm gets the complete configuration, or the deploy is refused with the service and the key."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from cli.console import StackError
from cli.servers import configuration
from cli.servers.manifest import Manifest
from cli.servers.render import Plan, render, secret_name
from cli.servers.service import Release
from cli.settings import ROOT

DIGEST = f"sha256:{'0' * 64}"

Config = dict[str, Any]


@pytest.fixture(scope="module")
def repository() -> Config:
    """Return the repository's own Compose configuration for servers."""
    return configuration.read({})


@pytest.fixture(scope="module")
def plan(repository: Config) -> Plan:
    return rendered(repository)


@pytest.fixture
def small() -> Config:
    """Return a configuration with one service that Swarm can run."""
    service = {
        "image": "own/app",
        "build": {"context": "."},
        "networks": {"edge": None},
        "healthcheck": {"test": ["CMD", "true"]},
        "deploy": {"endpoint_mode": "dnsrr", "update_config": {"order": "start-first"}},
    }
    return {
        "services": {"app": service},
        "networks": {"edge": {"name": "x_edge"}},
        "volumes": {"data": {"name": "x_data"}},
    }


def rendered(config: Config) -> Plan:
    manifest = Manifest.read()
    images = {entry["image"]: f"registry/{entry['image']}:abc@{DIGEST}" for entry in config["services"].values()}
    return render(config, manifest, Release("abc", "site", images, manifest.versions(manifest.complete({}))))


def refusal(config: Config) -> str:
    with pytest.raises(StackError) as caught:
        rendered(config)
    return str(caught.value)


def test_it_renders_the_repositorys_own_files(plan: Plan) -> None:
    assert {"nginx", "web-django", "api-flask", "worker", "postgres", "static"} <= set(plan.stack["services"])
    assert {"migrate-web", "migrate-api", "migrate-outbox", "migrate-console"} <= set(plan.jobs)


def test_dockers_own_reader_takes_the_stack_file_and_every_job(plan: Plan) -> None:
    for file in (plan.stack, *plan.jobs.values(), *plan.trials.values()):
        read = subprocess.run(
            ["docker", "stack", "config", "--compose-file", "-"],
            input=json.dumps(file), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert read.returncode == 0, read.stderr


def test_the_laptops_maker_of_secrets_stays_at_home(plan: Plan) -> None:
    assert "secrets" not in {*plan.stack["services"], *plan.jobs}


def test_it_orders_every_service_and_job_exactly_once(plan: Plan) -> None:
    names = [name for group in plan.order for name in group]

    assert sorted(names) == sorted([*plan.stack["services"], *plan.jobs])


def test_migrations_come_after_the_database_and_before_what_needs_them(plan: Plan) -> None:
    position = {name: number for number, group in enumerate(plan.order) for name in group}

    assert position["postgres"] < position["migrate-outbox"] < position["relay"]
    assert position["postgres"] < position["migrate-web"] < position["web-django"] < position["nginx"]


def test_whoever_says_how_to_stop_has_the_entry_point_that_reads_it(repository: Config, plan: Plan) -> None:
    """Without it the variables have no effect, and visitors get errors during a deploy. Third-party images lack it."""
    recipes = {
        each["image"]: each["build"]["dockerfile"] for each in repository["services"].values() if "build" in each
    }
    first = {
        name: (entry.get("entrypoint") or entry_point(recipes[repository["services"][name]["image"]]))[:1]
        for name, entry in plan.stack["services"].items()
        if {"STOP_DELAY", "STOP_LINGER"} & set(entry.get("environment") or {})
        if "@sha256:" not in repository["services"][name]["image"]
    }

    assert {"nginx", "console", "web-django", "api-flask", "api-uploads"} <= set(first)
    assert set(map(tuple, first.values())) == {("stop-gently",)}


def entry_point(dockerfile: str) -> list[str]:
    """Return the words of the last entry point of a Dockerfile."""
    found = re.findall(r"^ENTRYPOINT (\[.*\])$", (ROOT / dockerfile).read_text(encoding="utf-8"), re.MULTILINE)
    return list(json.loads(found[-1])) if found else []


def test_swarm_takes_the_name_of_every_secret_however_long() -> None:
    names = {secret_name("landfast", secret, "0" * 12) for secret in ("short", "a" * 63, "a" * 62 + "b")}

    assert len(names) == 3
    assert max(map(len, names)) <= 64


def test_each_service_gets_its_own_secrets_to_read(plan: Plan) -> None:
    entries = plan.stack["services"]["web-django"]["secrets"]

    assert {entry["mode"] for entry in entries} == {0o444}
    files = {entry["target"]: entry["source"] for entry in entries}
    assert files["postgres_password"] == "postgres_web_password"
    assert "admin_password" not in files


def test_secrets_are_named_by_version_and_made_by_nobody_else(plan: Plan) -> None:
    entry = plan.stack["secrets"]["postgres_web_password"]

    assert entry["external"] is True
    assert entry["name"].startswith("site_postgres_web_password-")


def test_no_volume_of_secrets_reaches_a_server(plan: Plan) -> None:
    assert not [name for name in plan.stack["volumes"] if name.startswith("secrets")]


def test_postgresql_gets_files_of_the_host_so_that_a_password_needs_no_restart(plan: Plan) -> None:
    assert plan.files == ["backup", "postgres"]
    assert "secrets" not in plan.stack["services"]["postgres"]


def test_what_must_not_reach_the_world_is_on_internal_networks_alone(plan: Plan) -> None:
    open_networks = {name for name, entry in plan.stack["networks"].items() if not entry.get("internal")}
    with_a_way_out = {
        name for name, service in plan.stack["services"].items() if open_networks & set(service["networks"])
    }

    assert with_a_way_out == {"nginx", "web-mail"}


def test_every_service_is_updated_behind_a_health_check_and_rolled_back_by_swarm(plan: Plan) -> None:
    for name, service in plan.stack["services"].items():
        if name != "static":
            assert service["deploy"]["update_config"]["failure_action"] == "rollback", name
            assert service["healthcheck"], name


def test_nobody_publishes_ports_for_nginx_gets_the_hosts_own_sockets(plan: Plan) -> None:
    assert [name for name, service in plan.stack["services"].items() if "ports" in service] == []
    nginx = plan.stack["services"]["nginx"]
    folders = {mount["source"]: mount["target"] for mount in nginx["volumes"] if mount["type"] == "bind"}
    assert nginx["environment"]["EDGE_SOCKET"] == f"{folders['/run/landfast/edge']}/sockets"


def test_a_new_nginx_serves_beside_the_old_one_before_that_goes(plan: Plan) -> None:
    deploy = plan.stack["services"]["nginx"]["deploy"]

    assert deploy["mode"] == "global"
    assert deploy["update_config"]["order"] == deploy["rollback_config"]["order"] == "start-first"


def test_services_that_are_no_replica_of_the_state_run_without_its_label(plan: Plan) -> None:
    constraints = {
        name: service["deploy"].get("placement", {}).get("constraints", [])
        for name, service in plan.stack["services"].items()
    }

    assert constraints["api-flask"] == []
    assert constraints["postgres"] == ["node.labels.landfast.state == true"]


@pytest.mark.slow
def test_with_pictures_in_object_storage_the_site_runs_on_any_host() -> None:
    config = configuration.read({"MEDIA_STORAGE": "s3://pictures", "MEDIA_PLACEMENT": "node.platform.os == linux"})
    services = rendered(config).stack["services"]

    for name in ("web-django", "web-worker"):
        assert services[name]["deploy"]["placement"]["constraints"] == ["node.platform.os == linux"]
        assert "web-egress" in services[name]["networks"]


def test_a_job_runs_once_beside_the_stacks_networks(plan: Plan) -> None:
    file = plan.jobs["migrate-web"]

    assert file["services"]["migrate-web"]["deploy"]["mode"] == "replicated-job"
    assert file["services"]["migrate-web"]["deploy"]["restart_policy"] == {"condition": "none"}
    assert file["networks"] == {"web-data": {"name": "site_web-data", "external": True}}
    assert file["volumes"]["media"] == {"name": "site_media"}


def test_every_migration_can_be_asked_what_is_pending(plan: Plan) -> None:
    assert set(plan.pending) == set(plan.jobs)
    assert plan.pending["migrate-web"] == ["python", "manage.py", "pending"]


def test_memory_mounts_keep_their_size(plan: Plan) -> None:
    mounts = [mount for mount in plan.stack["services"]["nginx"]["volumes"] if mount["type"] == "tmpfs"]

    assert mounts == [{"type": "tmpfs", "target": "/tmp", "tmpfs": {"size": 256 << 20}}]  # noqa: S108


@pytest.mark.slow
def test_settings_of_the_laptops_shell_are_none_of_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")

    assert configuration.read({})["services"]["worker"]["environment"]["LOG_LEVEL"] == "INFO"


def test_an_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(StackError, match=r"WEB_REPLICA \(is it WEB_REPLICAS\?\) is no setting"):
        configuration.read({"WEB_REPLICA": 3})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"privileged": True}, "app: privileged"),
        ({"shm_size": "1g"}, "app: shm_size"),
        ({"group_add": ["video"]}, "app: group_add"),
        ({"network_mode": "host"}, "app: network_mode"),
        ({"devices": ["/dev/kvm"]}, "app: devices"),
        ({"security_opt": ["seccomp=unconfined"]}, "app: security_opt: Swarm ignores it: seccomp=unconfined"),
        ({"tmpfs": ["/cache:size=1m,uid=5"]}, "app: tmpfs: /cache: Swarm has nothing for uid=5"),
        ({"image": "elsewhere/thing:latest", "build": None}, "app: image"),
        ({"healthcheck": None}, "app: healthcheck"),
        ({"networks": None}, "app: networks"),
        ({"deploy": {"update_config": {}}}, "app: deploy.endpoint_mode"),
        ({"ports": [{"target": 80, "published": "80", "mode": "ingress"}]}, "app: ports: 80: mode must be host"),
        ({"ports": [{"target": 80, "published": "80-90", "mode": "host"}]}, "published must be one number"),
        ({"ports": [{"target": 80, "published": "80", "mode": "host"}]}, "two containers cannot share a host's port"),
        ({"volumes": [{"type": "bind", "source": "/home/me", "target": "/x"}]}, "app: volumes: /home/me"),
        (
            {
                "volumes": [
                    {"type": "volume", "source": "all", "target": "/run/secrets", "volume": {"subpath": "nobody"}}
                ]
            },
            "no contract gives secrets to a service 'nobody'",
        ),
    ],
)
def test_what_swarm_would_ignore_is_refused_with_service_and_key(small: Config, change: Config, complaint: str) -> None:
    manifest = Manifest.read()
    image = {"own/app": f"registry/app@{DIGEST}"}
    small["services"]["app"] |= change

    with pytest.raises(StackError) as caught:
        render(small, manifest, Release("abc", "site", image, {}))

    assert complaint in str(caught.value)


def test_all_that_is_wrong_is_said_at_once(small: Config) -> None:
    small["services"]["app"] |= {"privileged": True, "shm_size": "1g"}

    assert refusal(small).count("app: ") == 2


def test_a_mistake_in_the_order_is_refused(small: Config) -> None:
    small["services"]["app"] |= {"x-rollout": "first", "x-pending": ["ask"]}

    said = refusal(small)

    assert "app: x-rollout: first is none of data, once, visited, others, edge" in said
    assert "app: x-pending: it does not do its work once" in said


def test_a_command_for_pending_migrations_in_one_string_is_refused(small: Config) -> None:
    small["services"]["app"] |= {"restart": "no", "x-pending": "python manage.py showmigrations"}

    assert "app: x-pending must be a list of words" in refusal(small)


def test_nginx_tries_its_configuration_in_a_job_that_has_its_files_and_nothing_that_waits(plan: Plan) -> None:
    file, nginx = plan.trials["nginx"], plan.stack["services"]["nginx"]
    (tried,) = file["services"].values()

    assert tried["entrypoint"] == ["try-configuration"]
    assert tried["deploy"]["mode"] == "replicated-job"
    assert [tried[key] for key in ("image", "secrets", "volumes")] == [
        nginx[key] for key in ("image", "secrets", "volumes")
    ]
    assert not {"command", "healthcheck", "ports"} & tried.keys()


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({"x-trial": "nginx -t"}, "app: x-trial must be a list of words, such as [nginx, -t]"),
        ({"x-trial": ["true"], "restart": "no"}, "app: x-trial: a one-shot has no configuration to try"),
    ],
)
def test_a_trial_that_cannot_be_run_is_refused(small: Config, entry: Config, complaint: str) -> None:
    small["services"]["app"] |= entry

    assert complaint in refusal(small)


def test_options_of_a_bridge_are_refused_between_hosts(small: Config) -> None:
    small["networks"]["edge"]["driver_opts"] = {"com.docker.network.bridge.name": "br0"}

    assert "com.docker.network.bridge.name" in refusal(small)
