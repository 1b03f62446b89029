"""Translates one service from Compose to Swarm.

``docker stack deploy`` silently ignores some keys and refuses others. Each key is therefore in one of the tables
below: passed on unchanged, translated, or provided otherwise on servers (with the reason). All others are refused by
name.
https://docs.docker.com/reference/compose-file/legacy-versions/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cli.servers.manifest import Manifest

Service = dict[str, Any]

SECRETS_DIRECTORY = "/run/secrets"
#: Files of the host in place of Swarm's secrets, for services that must not restart for a new one.
HOST_SECRETS = "/etc/landfast/secrets/"
#: Landfast's folders on a host: settings, data, and runtime files.
HOST_FOLDERS = ("/etc/landfast/", "/var/lib/landfast/", "/run/landfast/")
#: Keys that are passed on unchanged.
TAKEN = {
    "cap_add", "cap_drop", "command", "dns", "dns_search", "entrypoint", "environment", "extra_hosts", "healthcheck",
    "hostname", "init", "labels", "logging", "networks", "read_only", "stop_grace_period", "stop_signal", "sysctls",
    "tty", "stdin_open", "ulimits", "user", "working_dir",
}  # fmt: skip

#: Keys that are not passed on, because servers provide them otherwise.
PROVIDED = {
    "build": "images are built on the controller and come from the registry",
    "depends_on": "a deploy rolls stage after stage (x-rollout); a container that is too early crashes and restarts",
    "pull_policy": "nodes pull by digest",
    "restart": "it becomes deploy.restart_policy",
    "profiles": "Compose has left out services of inactive profiles",
    "expose": "containers of one network reach each other anyway",
    "container_name": "replicas cannot share one",
    "scale": "it is deploy.replicas",
}

#: Accepted values of security_opt: the daemon's configuration sets them for every container (role docker).
SECURITY = {"no-new-privileges:true", "no-new-privileges"}

_SIZE = re.compile(r"(\d+)([bkmg]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True)
class Release:
    """The names of a release for the rendering.

    Args:
        name: the name of the release.
        stack: the name of the stack in Swarm.
        images: Compose's name of an image -> its name by digest on nodes.
        secrets: secret -> the word for its version.
    """

    name: str
    stack: str
    images: Mapping[str, str]
    secrets: Mapping[str, str]


def is_once(service: Mapping[str, Any]) -> bool:
    """Return whether ``service`` is a one-shot, which runs to its end before others."""
    return service.get("restart") == "no"


class Rendering:
    """The translation of one service."""

    def __init__(
        self, name: str, source: Mapping[str, Any], manifest: Manifest, release: Release, problems: list[str]
    ) -> None:
        """Keep the source, and the list for problems."""
        self.name, self.source, self.manifest, self.release, self.problems = name, source, manifest, release, problems
        self.result: Service = {"image": "", "volumes": [], "networks": {}}

    def service(self) -> Service:
        """Return the service in Swarm's format."""
        translated: dict[str, Callable[[Any], None]] = {
            "image": self.image,
            "deploy": self.deploy,
            "ports": self.ports,
            "security_opt": self.security,
            "tmpfs": self.tmpfs,
            "volumes": self.volumes,
        }
        for key, value in self.source.items():
            if value in (None, [], {}, "") or key in PROVIDED or key.startswith("x-"):
                continue
            if key in translated:
                translated[key](value)
            elif key in TAKEN:
                self.result[key] = value
            else:
                self.refuse(key, "Swarm has nothing for it")
        if "deploy" not in self.result:
            self.deploy({})
        if not self.result["networks"]:
            self.refuse("networks", "name one: Swarm would make a network of its own")
        return dict(sorted(self.result.items()))

    def refuse(self, key: str, why: str) -> None:
        """Record that ``key`` cannot be rendered."""
        self.problems.append(f"{self.name}: {key}: {why}")

    def image(self, value: str) -> None:
        """Set the image's name on nodes."""
        if value in self.release.images:
            self.result["image"] = self.release.images[value]
        elif "@sha256:" in value:
            self.result["image"] = value
        else:
            self.refuse("image", f"{value} is built by no service here and not named by digest")

    def deploy(self, value: Mapping[str, Any]) -> None:
        """Pass on ``deploy``; a restart policy replaces ``restart``."""
        deploy = {key: entry for key, entry in value.items() if entry not in (None, {}, [])}
        once, job = is_once(self.source), str(deploy.get("mode", "")).endswith("-job")
        if not once and not job:
            if deploy.get("endpoint_mode") != "dnsrr":
                self.refuse("deploy.endpoint_mode", "must be dnsrr: virtual addresses drop idle connections")
            if "update_config" not in deploy:
                self.refuse("deploy.update_config", "say how it is to be updated")
            if deploy.get("update_config", {}).get("order") == "start-first" and self.source.get("ports"):
                self.refuse("deploy.update_config.order", "two containers cannot share a host's port: stop-first")
            deploy.setdefault("restart_policy", {"condition": "any"})
            if not self.source.get("healthcheck"):
                self.refuse("healthcheck", "without one Swarm takes a mere process for a service")
        if deploy.get("replicas", 0) < 0:
            self.refuse("deploy.replicas", f"there cannot be {deploy['replicas']} containers")
        deploy["labels"] = {**deploy.get("labels", {}), "landfast.release": self.release.name}
        self.result["deploy"] = deploy

    def ports(self, value: Sequence[Mapping[str, Any]]) -> None:
        """Publish on the host itself: the routing mesh would hide visitors' addresses, and needs virtual addresses."""
        self.result["ports"] = []
        for port in value:
            if port.get("mode") != "host":
                self.refuse("ports", f"{port.get('target')}: mode must be host")
            if port.get("host_ip"):
                self.refuse(
                    "ports", f"{port['target']}: Swarm would publish it on every address, not on {port['host_ip']}"
                )
            if not str(port.get("published", "")).isdecimal():
                self.refuse("ports", f"{port.get('target')}: published must be one number")
                continue
            entry = {key: port[key] for key in ("target", "mode", "protocol") if key in port}
            self.result["ports"].append({**entry, "published": int(port["published"])})

    def security(self, value: Sequence[str]) -> None:
        """Leave out options that the daemon sets for all containers; refuse the rest, which Swarm would ignore."""
        for option in value:
            if option not in SECURITY:
                self.refuse("security_opt", f"Swarm ignores it: {option}")

    def tmpfs(self, value: Sequence[str]) -> None:
        """Mount a tmpfs in the long form, the only one with a size in Swarm."""
        for text in value:
            target, _, options = text.partition(":")
            mount: dict[str, Any] = {"type": "tmpfs", "target": target}
            for option in filter(None, options.split(",")):
                key, _, setting = option.partition("=")
                size = _SIZE.fullmatch(setting)
                if key == "size" and size:
                    mount["tmpfs"] = {"size": int(size[1]) * _UNITS[size[2].lower()]}
                elif option not in {"mode=1777", "mode=01777"}:  # Swarm's default mode
                    self.refuse("tmpfs", f"{target}: Swarm has nothing for {option}")
            self.result["volumes"].append(mount)

    def volumes(self, value: Sequence[Mapping[str, Any]]) -> None:
        """Mount volumes and files of the host; a laptop's volumes of secrets become Swarm's secrets."""
        for mount in value:
            if mount["target"] == SECRETS_DIRECTORY:
                self.secrets(mount)
            elif mount["type"] not in {"volume", "bind", "tmpfs"}:
                self.refuse("volumes", f"{mount['target']}: Swarm has no {mount['type']} mounts")
            elif mount["type"] == "bind" and not mount["source"].startswith(HOST_FOLDERS):
                self.refuse("volumes", f"{mount['source']}: a server has no such file")
            else:
                # In Swarm a missing folder of a host is an error, even with create_host_path.
                entry = {key: part for key, part in mount.items() if key != "bind"}
                self.result["volumes"].append(entry)

    def secrets(self, mount: Mapping[str, Any]) -> None:
        """Give the service its secrets under its own names; no other container has these files."""
        consumer = mount["source"].removeprefix(HOST_SECRETS)
        if mount["type"] == "volume":
            consumer = (mount.get("volume") or {}).get("subpath", "")
        if consumer not in self.manifest.consumers:
            self.refuse("volumes", f"{mount['source']}: no contract gives secrets to a service {consumer!r}")
            return
        if mount["type"] == "bind":
            self.result["volumes"].append({key: part for key, part in mount.items() if key != "bind"})
            return
        entry = self.manifest.consumers[consumer]
        given = {file: secret for file, secret in entry.items() if secret in self.release.secrets}
        if given:
            self.result["secrets"] = [
                {"source": secret, "target": file, "uid": "0", "gid": "0", "mode": 0o444}
                for file, secret in sorted(given.items())
            ]
