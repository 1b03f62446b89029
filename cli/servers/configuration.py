"""Compose's view of the stack for servers, only from the Compose files and the inventory's settings."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from cli import applications
from cli.console import StackError
from cli.servers import values
from cli.settings import ROOT, variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: /dev/null replaces `.env`, which is for a laptop.
COMPOSE = [
    "docker", "compose", "--project-directory", str(ROOT), "--env-file", os.devnull,
    "--project-name", "landfast-release", "--file", str(applications.LIST),
    *(f"--file={path}" for path in applications.files("servers")),
]  # fmt: skip
S3 = [f"--file={path}" for path in applications.files("s3")]
TEMPLATES = (ROOT / "compose.templates.yaml", ROOT / "compose.templates.servers.yaml")

#: Variables for Docker's client itself. All others in the controller's environment are not settings of a server.
KEPT = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK")
#: Settings that concern the controller.
LAPTOP = {
    "COMPOSE_PROJECT_NAME",
    "HTTP_PORT",
    "HTTPS_PORT",
    "MAIL_PORT",
    "CA_BUNDLE",
    "PYTHON_INDEX_URL_FILE",
    "BASE_IMAGE",
}


def known() -> set[str]:
    """Return the variables that the Compose files read and a server may set."""
    paths = (applications.LIST, *TEMPLATES, *applications.files(), *applications.files("servers"))
    return set().union(*map(variables, paths)) - LAPTOP


def clean_environment() -> dict[str, str]:
    """Return the part of this process's environment that Compose may see."""
    proxies = [name for name in os.environ if name.lower() in {"http_proxy", "https_proxy", "no_proxy"}]
    return {name: os.environ[name] for name in (*KEPT, *proxies) if name in os.environ} | {
        "COMPOSE_PROJECT_NAME": "landfast-release"
    }


def read(settings: Mapping[str, object]) -> dict[str, Any]:
    """Return the output of ``docker compose config`` for the files with ``settings``.

    Args:
        settings: variables of .env.example.

    Raises:
        StackError: a setting is unknown, or Compose refuses the files.
    """
    values.check_names(settings, known())
    variables = {name: values.text(value) for name, value in settings.items()}
    files = S3 if variables.get("MEDIA_STORAGE") else []
    output = subprocess.run(
        [*COMPOSE, *files, "config"],
        env=clean_environment() | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if output.returncode != 0:
        raise StackError("Compose refuses the files", output.stderr.strip())
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - Ansible installs it; ./stack itself has no YAML

    # In JSON, Compose 2.26 omits unknown keys of services: x-...
    return yaml.safe_load(output.stdout)  # type: ignore[no-any-return]


def built_images(config: Mapping[str, Any]) -> list[str]:
    """Return the images that servers run and that are built here."""
    on_servers = [
        entry for entry in config["services"].values() if (entry.get("labels") or {}).get("landfast.servers") != "false"
    ]
    built = {entry["image"] for entry in config["services"].values() if entry.get("build")}
    return sorted({entry["image"] for entry in on_servers} & built)


def builders(config: Mapping[str, Any], images: Iterable[str]) -> Sequence[str]:
    """Return the services that build ``images``."""
    wanted = set(images)
    return sorted(name for name, entry in config["services"].items() if entry.get("build") and entry["image"] in wanted)


def setting_rules(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the rules for settings in ``x-settings`` of the house and of each service."""
    said = [config, *config["services"].values()]
    return {name: rule for each in said for name, rule in (each.get("x-settings") or {}).items()}
