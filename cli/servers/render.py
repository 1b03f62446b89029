"""Renders Compose's view of the stack for Swarm: pure functions, with an error for each key that Swarm would ignore.

``service.py`` translates each key of a service. This module makes a stack file of the services and jobs of the
one-shots, and puts both into an order, which Swarm itself does not have.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.backup.containers import REPOSITORY
from cli.backup.containers import SERVICE as BACKUP
from cli.backup.repository import KEEP
from cli.console import StackError
from cli.servers import sessions
from cli.servers.service import HOST_SECRETS, Rendering, is_once

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cli.servers.manifest import Manifest
    from cli.servers.service import Release, Service

#: The newest version of the legacy format that Docker 26 reads.
FORMAT = "3.12"
#: Letters of a secret's name. Source: Docker's validateSecretSpec
LONGEST_NAME = 64
#: A label that keeps a service of compose.yaml off servers.
ON_SERVERS = "landfast.servers"
#: The key for a service's stage in a rollout, and the stages in their order; the default is ``once`` or ``others``.
ROLLOUT = "x-rollout"
STAGES = ("data", "once", "visited", "others", "edge")
#: The key of a one-shot for the command that lists its pending migrations.
PENDING = "x-pending"
#: The key of a service for the command that checks its new configuration before a deploy changes anything.
TRIAL = "x-trial"


@dataclass(frozen=True)
class Plan:
    """The plan of a deploy.

    Args:
        release: the name of the release.
        name: the name of the stack.
        stack: the stack file.
        jobs: one-shot -> its stack file.
        pending: job -> the command that lists its pending migrations in its place.
        trials: service -> the stack file of the job that checks its configuration.
        order: services and jobs, group after group.
        files: consumers whose secrets are files of the host.
        checks: what is asked afterwards, and the right answers.
        contents: derived file -> its content with placeholders for secrets, so that a later rotation or rollback gives
            the release its own files with the secrets of that time.
        backups: where the backups are, and the volumes in them: see :func:`backups`.
    """

    release: str
    name: str
    stack: dict[str, Any]
    jobs: dict[str, Service]
    pending: dict[str, list[str]]
    trials: dict[str, Service]
    order: list[list[str]]
    files: list[str]
    checks: list[Mapping[str, Any]]
    contents: dict[str, str]
    backups: dict[str, Any]


def render(config: Mapping[str, Any], manifest: Manifest, release: Release) -> Plan:
    """Return the plan for Swarm.

    Args:
        config: ``docker compose config`` of compose.yaml and the files for servers.
        manifest: the secrets and their readers.
        release: the names of this release.

    Raises:
        StackError: Swarm would not honour a key of the configuration; the error names each service and key.
    """
    services = {name: entry for name, entry in config["services"].items() if runs_on_servers(entry)}
    problems: list[str] = []
    rendered = {name: Rendering(name, entry, manifest, release, problems).service() for name, entry in services.items()}
    order = ordered(services, problems)
    pending = {name: list(entry[PENDING]) for name, entry in services.items() if PENDING in entry}
    problems += [f"{name}: {PENDING}: it does not do its work once" for name in pending if not is_once(services[name])]
    tried = [name for name, entry in services.items() if TRIAL in entry]
    problems += [
        f"{name}: {TRIAL}: a one-shot has no configuration to try" for name in tried if is_once(services[name])
    ]
    problems += [
        f"{name}: {key} must be a list of words, such as {words}"
        for key, words in ((PENDING, "[python, manage.py, showmigrations]"), (TRIAL, "[nginx, -t]"))
        for name, entry in services.items()
        if not isinstance(entry.get(key, []), list)
    ]
    problems += filter(None, [sessions.problem(services)])
    if problems:
        raise StackError("Swarm cannot run this:\n  " + "\n  ".join(problems))
    jobs = {name: entry for name, entry in rendered.items() if is_once(services[name])}
    kept = {name: entry for name, entry in rendered.items() if name not in jobs}
    stack = stack_file(kept, config, release)
    return Plan(
        release=release.name,
        name=release.stack,
        stack=stack,
        jobs={name: job_file(name, entry, config, release) for name, entry in jobs.items()},
        pending=pending,
        trials={name: trial_file(name, kept[name], services[name][TRIAL], config, release) for name in tried},
        order=order,
        files=sorted(consumer for entry in services.values() for consumer in host_secrets(entry)),
        checks=list(manifest.checks),
        contents=dict(manifest.contents),
        backups=backups(stack, release.stack, manifest.volumes),
    )


def backups(stack: Mapping[str, Any], name: str, volumes: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the settings of ``landfast backups`` on the host that keeps the data.

    Args:
        stack: the stack file.
        name: the stack's name.
        volumes: contract's file -> the volumes to back up.

    Returns:
        ``stack``, ``repository`` (a volume of Docker, or a folder), ``volumes``, which exist on servers, and ``keep``:
        the settings for the number and the age of full backups.
    """
    service = stack["services"].get(BACKUP, {})
    mounts = service.get("volumes", [])
    sources = [mount["source"] for mount in mounts if mount["target"] == REPOSITORY]
    there = {file: [each for each in several if each in stack["volumes"]] for file, several in volumes.items()}
    return {
        "stack": name,
        "repository": next((f"{name}_{each}" if each in stack["volumes"] else each for each in sources), ""),
        "volumes": {file: several for file, several in there.items() if several},
        "keep": {name: value for name, value in service.get("environment", {}).items() if name in KEEP},
    }


def runs_on_servers(service: Mapping[str, Any]) -> bool:
    """Return whether ``service`` runs on servers."""
    return (service.get("labels") or {}).get(ON_SERVERS) != "false"


def ordered(services: Mapping[str, Any], problems: list[str]) -> list[list[str]]:
    """Return the services of each stage, in the order of the stages, without empty stages."""
    stages: dict[str, list[str]] = {stage: [] for stage in STAGES}
    for name, entry in sorted(services.items()):
        stage = entry.get(ROLLOUT) or ("once" if is_once(entry) else "others")
        if stage in stages:
            stages[stage].append(name)
        else:
            problems.append(f"{name}: {ROLLOUT}: {stage} is none of {', '.join(STAGES)}")
    return [names for names in stages.values() if names]


def host_secrets(service: Mapping[str, Any]) -> list[str]:
    """Return the consumers whose secrets are files of the host for ``service``."""
    return [
        mount["source"].removeprefix(HOST_SECRETS)
        for mount in service.get("volumes") or []
        if mount["type"] == "bind" and mount["source"].startswith(HOST_SECRETS)
    ]


def secret_name(stack: str, secret: str, version: str) -> str:
    """Return the name in Swarm of one version of a secret; a digest replaces a name that is too long."""
    name = f"{stack}_{secret}-{version}"
    return (
        name if len(name) <= LONGEST_NAME else f"{stack}_{hashlib.sha256(secret.encode()).hexdigest()[:20]}-{version}"
    )


def stack_file(services: Mapping[str, Service], config: Mapping[str, Any], release: Release) -> dict[str, Any]:
    """Return the stack file of ``services``, with the networks, volumes and secrets that they use."""
    mounts = [mount for service in services.values() for mount in service["volumes"] if mount["type"] == "volume"]
    volumes = {mount["source"]: volume(config["volumes"][mount["source"]]) for mount in mounts}
    networks = {name: network(config["networks"][name]) for entry in services.values() for name in entry["networks"]}
    secrets = {entry["source"] for service in services.values() for entry in service.get("secrets", [])}
    names = {name: secret_name(release.stack, name, release.secrets[name]) for name in sorted(secrets)}
    return {
        "version": FORMAT,
        "services": dict(services),
        "networks": dict(sorted(networks.items())),
        "volumes": dict(sorted(volumes.items())),
        "secrets": {name: {"name": full, "external": True} for name, full in names.items()},
    }


def job_file(name: str, service: Service, config: Mapping[str, Any], release: Release) -> dict[str, Any]:
    """Return the stack file of a job, which is a separate stack while it runs, on the main stack's networks."""
    deploy = {key: value for key, value in service["deploy"].items() if key not in {"endpoint_mode", "update_config"}}
    deploy |= {"mode": "replicated-job", "restart_policy": {"condition": "none"}}
    file = stack_file({name: {**service, "deploy": deploy}}, config, release)
    for kind in ("networks", "volumes"):
        file[kind] = {key: {"name": f"{release.stack}_{key}", "external": True} for key in file[kind]}
    # A volume need not exist yet: the first container on a node makes it.
    file["volumes"] = {key: {"name": entry["name"]} for key, entry in file["volumes"].items()}
    return file


def trial_file(
    name: str, service: Service, words: Sequence[str], config: Mapping[str, Any], release: Release
) -> dict[str, Any]:
    """Return the stack file of the job that checks the configuration of a service, in a container like its own."""
    tried = {key: value for key, value in service.items() if key not in {"command", "healthcheck", "ports"}}
    deploy = {key: value for key, value in service["deploy"].items() if key not in {"replicas", "rollback_config"}}
    return job_file(name, {**tried, "entrypoint": list(words), "deploy": deploy}, config, release)


def network(entry: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a network between hosts; options of bridges have no effect there.

    Raises:
        StackError: the network has options that an overlay network ignores.
    """
    wanted = {key: value for key, value in (entry or {}).items() if value and key not in {"name", "ipam"}}
    unknown = set(wanted) - {"internal", "driver_opts", "attachable", "labels"}
    foreign = [option for option in wanted.get("driver_opts", {}) if option.startswith("com.docker.network.bridge.")]
    if unknown or foreign or (entry or {}).get("ipam"):
        what = ", ".join(sorted({*unknown, *foreign})) or "ipam"
        raise StackError(f"network {(entry or {}).get('name')}: {what} means nothing between hosts")
    return {"driver": "overlay", **wanted}


def volume(entry: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a volume without its own name, so that Swarm names it after the stack."""
    return {key: value for key, value in (entry or {}).items() if value and key != "name"}
