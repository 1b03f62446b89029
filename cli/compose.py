"""Compose's and Docker's argument lists; this module runs no program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Seconds that the whole stack may take to become healthy. Long, for slow machines: a failure ends the wait earlier.
START_DEADLINE = 900

DOCKER_VERSION = ["docker", "version", "--format", "{{json .}}"]
DOCKER_INFO = ["docker", "info", "--format", "{{json .}}"]
DOCKER_CONTEXT = ["docker", "context", "inspect", "--format", "{{.Name}}"]
COMPOSE_VERSION = ["docker", "compose", "version", "--short"]
BUILDX_VERSION = ["docker", "buildx", "version"]


def compose(*arguments: str) -> list[str]:
    """Return a Compose command that acts on this checkout from any working directory."""
    return ["docker", "compose", "--project-directory", str(ROOT), *arguments]


def build(*services: str) -> list[str]:
    """Return the command that builds images, in parallel and with their progress shown.

    Args:
        services: the services with the images; all if none is named.
    """
    return compose("build", *services)


def build_fresh_base(base_image: str, name: str, index: str, bundle: Path | None) -> list[str]:
    """Return the command that updates the packages of a base.

    Args:
        base_image: the base.
        name: the name of the new image.
        index: the date of Debian's index; another date makes another image.
        bundle: the trusted certificates for a mirror that is reached over HTTPS.
    """
    arguments = {"BASE_IMAGE": base_image, "NAME": name, "DEBIAN_INDEX": index}
    options = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    secret = [f"--secret=id=ca_bundle,src={bundle}"] if bundle else []
    recipe = ROOT / "images/base/fresh.Dockerfile"
    return ["docker", "build", "--tag", name, "--file", str(recipe), *options, *secret, str(ROOT)]


def config(*options: str) -> list[str]:
    """Return the command that prints the services as JSON; without options, the active ones.

    Args:
        options: options of ``docker compose``.
    """
    return compose(*options, "config", "--format", "json")


def up() -> list[str]:
    """Return the command that starts all services that do not run and waits until all are healthy."""
    return compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", str(START_DEADLINE))


def put_back(service: str) -> list[str]:
    """Return the command that restarts only ``service`` and waits until it is healthy."""
    return [*up(), "--no-deps", service]


def down(*, volumes: bool) -> list[str]:
    """Return the command that removes containers and networks, and with ``volumes`` the data.

    It names all profiles, because Compose would otherwise leave their containers running.
    """
    return compose("--profile=*", "down", "--remove-orphans", *(["--volumes"] if volumes else []))


def services(*, all_profiles: bool = False) -> list[str]:
    """Return the command that lists the active services, or with ``all_profiles`` all services."""
    return compose(*(["--profile=*"] if all_profiles else []), "config", "--services")


def container_ids() -> list[str]:
    """Return the command that lists the stack's containers, including stopped ones."""
    return compose("ps", "--all", "--quiet", "--no-trunc")


def nginx_test() -> list[str]:
    """Return the command with which the running Nginx checks its files."""
    return compose("exec", "-T", "nginx", "nginx", "-t", "-c", "/etc/nginx/nginx.conf")


def running_ids(project: str) -> list[str]:
    """Return the command that lists the running containers of the project's services."""
    labels = (f"project={project}", "oneoff=False")
    return [
        "docker",
        "ps",
        "--quiet",
        "--no-trunc",
        *(f"--filter=label=com.docker.compose.{label}" for label in labels),
    ]


def remove(services: Sequence[str]) -> list[str]:
    """Return the command that stops and removes the containers of services."""
    return compose("rm", "--stop", "--force", *services)


def readiness_report() -> list[str]:
    """Return the command that prints the report of all dependencies, with the reasons that ``/readyz`` keeps."""
    return compose("exec", "--no-TTY", "console", "python", "-m", "console.report")


def logs(*services: str, lines: int | str = 200, follow: bool = False, prefix: bool = False) -> list[str]:
    """Return the command that prints services' last log lines.

    Args:
        services: the services; all if none is named.
        lines: the number of lines of each, or ``all``.
        follow: whether to wait for more.
        prefix: whether each line begins with its container's name.
    """
    options = [*([] if prefix else ["--no-log-prefix"]), *(["--follow"] if follow else [])]
    return compose("logs", "--no-color", *options, "--tail", str(lines), *services)


def show_secret(name: str) -> list[str]:
    """Return the command that prints one secret from the secrets' volume."""
    return compose("run", "--rm", "--no-deps", "-T", "secrets", "show", name)


def secret_changes() -> list[str]:
    """Return the command that writes the files of all services, and prints when those of each changed last."""
    return compose("run", "--rm", "--no-deps", "-T", "secrets", "changes")


def secret_times() -> list[str]:
    """Return the command that prints when the files of each service changed last, and changes nothing."""
    program = (
        "import json, pathlib; folders = pathlib.Path('/secrets/services').iterdir();"
        " print(json.dumps({each.name: each.stat().st_mtime for each in folders}))"
    )
    return compose("run", "--rm", "--no-deps", "-T", "--entrypoint=python3", "secrets", "-c", program)


def volume_exists(name: str) -> list[str]:
    """Return the command that succeeds if the volume ``name`` exists."""
    return ["docker", "volume", "inspect", "--format", "{{.Name}}", name]


def inspect(identifiers: list[str]) -> list[str]:
    """Return the command that prints all details of containers."""
    return ["docker", "inspect", "--type", "container", *identifiers]


def project_ports(project: str) -> list[str]:
    """Return the command that lists the ports which the project's own containers publish."""
    return ["docker", "ps", "--filter", f"label=com.docker.compose.project={project}", "--format", "{{.Ports}}"]


def port_holder(port: int) -> list[str]:
    """Return the command that names the container which publishes ``port``."""
    return ["docker", "ps", "--filter", f"publish={port}", "--format", "{{.Names}}"]


def pull(image: str) -> list[str]:
    """Return the command that pulls ``image``."""
    return ["docker", "pull", image]


def image_exists(image: str) -> list[str]:
    """Return the command that succeeds if ``image`` is on this machine."""
    return ["docker", "image", "inspect", "--format", "{{.Id}}", image]


def inspect_images(images: Sequence[str]) -> list[str]:
    """Return the command that prints all details of images. It fails if one is missing, and prints the others."""
    return ["docker", "image", "inspect", *images]


def list_images(repository: str) -> list[str]:
    """Return the command that lists the images of ``repository`` by name, the newest first."""
    return ["docker", "image", "ls", "--filter", f"reference={repository}", "--format", "{{.Repository}}:{{.Tag}}"]


def tag(image: str, name: str) -> list[str]:
    """Return the command that gives ``image`` another name."""
    return ["docker", "tag", image, name]


def import_image(archive: Path, image: str) -> list[str]:
    """Return the command that makes ``image`` from the archive of a root file system."""
    return ["docker", "import", "--change", 'CMD ["bash"]', str(archive), image]


def environment(base_image: str, bundle: Path | None) -> dict[str, str]:
    """Return the variables that builds get from this machine: the base image, and the trusted certificates."""
    return {"BASE_IMAGE": base_image, **({"CA_BUNDLE": str(bundle)} if bundle else {})}
