"""Compose's view of the stack for servers: from the Compose files and the inventory's settings, from nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from cli.console import StackError
from cli.servers import values
from cli.settings import ROOT, variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: `.env` is a laptop's: /dev/null in its place.
COMPOSE = [
    "docker", "compose", "--project-directory", str(ROOT), "--env-file", os.devnull,
    "--project-name", "landfast-release",
    "--file", str(ROOT / "compose.yaml"), "--file", str(ROOT / "compose.servers.yaml"),
]  # fmt: skip
S3 = ["--file", str(ROOT / "compose.s3.yaml")]

#: What Docker's client itself needs to know. Anything else in the controller's environment is no setting of a server.
KEPT = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "SSH_AUTH_SOCK")
#: Settings that name something of the controller.
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
    return (variables(ROOT / "compose.yaml") | variables(ROOT / "compose.servers.yaml")) - LAPTOP


def clean_environment() -> dict[str, str]:
    """Return what Compose may see of this process's environment."""
    proxies = [name for name in os.environ if name.lower() in {"http_proxy", "https_proxy", "no_proxy"}]
    return {name: os.environ[name] for name in (*KEPT, *proxies) if name in os.environ} | {
        "COMPOSE_PROJECT_NAME": "landfast-release"
    }


def read(settings: Mapping[str, object]) -> dict[str, Any]:
    """Return what ``docker compose config`` makes of the files with ``settings``.

    Args:
        settings: variables of .env.example.

    Raises:
        StackError: a setting is unknown, or Compose refuses the files.
    """
    values.check_names(settings, known())
    variables = {name: values.text(value) for name, value in settings.items()}
    files = S3 if variables.get("MEDIA_STORAGE") else []
    output = subprocess.run(
        [*COMPOSE, *files, "config", "--format", "json"],
        env=clean_environment() | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if output.returncode != 0:
        raise StackError("Compose refuses the files", output.stderr.strip())
    return json.loads(output.stdout)  # type: ignore[no-any-return]


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
