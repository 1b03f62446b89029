"""Containers, images and a network of a measurement's own."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.settings import ca_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
#: Seconds for building an image, and for any other command.
BUILD, COMMAND = 900, 120

#: As compose.templates.yaml has it.
CONTAINER = (
    *("--detach", "--init", "--read-only", "--tmpfs=/tmp:size=256m,mode=1777", "--cap-drop=ALL"),
    *("--security-opt=no-new-privileges:true", "--log-driver=json-file"),
    *("--log-opt=max-size=10m", "--log-opt=max-file=3"),
)


@dataclass(frozen=True)
class Place:
    """The containers, images and network of this run.

    Args:
        name: the beginning of every name.
        base: the image that the others start from.
    """

    name: str
    base: str

    def build(self, what: str, dockerfile: Path, *options: str) -> str:
        """Build an image and return its name."""
        image = f"{self.name}-{what}"
        bundle = ca_bundle() or ROOT / "images/base/no-ca-bundle"
        file = (f"--file={dockerfile}", f"--build-arg=BASE_IMAGE={self.base}", f"--secret=id=ca_bundle,src={bundle}")
        docker("build", "--quiet", f"--tag={image}", *file, *options, str(ROOT), timeout=BUILD)
        return image

    @contextmanager
    def running(
        self, what: str, image: str, *options: str, command: tuple[str, ...] = (), network: str = ""
    ) -> Iterator[str]:
        """Run a container in the network for as long as the context lasts; yield its name.

        Args:
            what: its own part of the name.
            image: its image.
            options: options of ``docker run``.
            command: its command, if not the image's own.
            network: a network that is not this run's own.
        """
        name = f"{self.name}-{what}"
        try:
            docker("run", *CONTAINER, f"--name={name}", f"--network={network or self.name}", *options, image, *command)
            yield name
        finally:
            subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False)

    @contextmanager
    def network(self) -> Iterator[None]:
        """Have the network for as long as the context lasts."""
        docker("network", "create", self.name)
        try:
            yield
        finally:
            docker("network", "rm", self.name)

    def remove_images(self) -> None:
        """Remove the images' names."""
        for image in docker("images", "--format={{.Repository}}", f"--filter=reference={self.name}-*").split():
            subprocess.run(["docker", "rmi", image], capture_output=True, check=False)


def docker(*arguments: str, timeout: float = COMMAND) -> str:
    """Run Docker and return its output.

    Raises:
        SystemExit: it failed; what it said is the message.
    """
    result = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)
    if result.returncode:
        raise SystemExit(f"docker {' '.join(arguments)} failed: {result.stderr.strip()}")
    return result.stdout


#: Says how many bytes a container's processes hold, caches left out, where the kernel has cgroups 2 or 1.
MEMORY = """
cd /sys/fs/cgroup
sed -n 's/^anon //p' memory.stat 2>/dev/null || sed -n 's/^total_rss //p' memory/memory.stat
"""


def memory(container: str) -> float:
    """Return the mebibytes that a container's processes hold."""
    return int(docker("exec", container, "sh", "-c", MEMORY).split()[0]) / (1 << 20)
