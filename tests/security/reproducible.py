"""Builds images of this checkout twice without the builder's cache and compares them file by file.

``python3 -m tests.security.reproducible nginx relay``; without a service, all of them. The differences that remain
are in docs/how-to/security-updates.md. The builds take minutes, and replace the builder's cache of these images.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli import base_image, compose, updates
from cli.settings import Settings, ca_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECTS = ("landfast-first", "landfast-second")


@dataclass(frozen=True)
class Entry:
    """An entry of an image's file system.

    Args:
        kind: its type in a tar archive.
        mode: its mode.
        owner: its user and group.
        content: the digest of a file, or the target of a link.
        time: when it was changed.
    """

    kind: bytes
    mode: int
    owner: tuple[int, int]
    content: str
    time: float


def entries(image: str) -> dict[str, Entry]:
    """Return path -> entry of the file system of ``image``."""
    name = subprocess.run(["docker", "create", image], check=True, capture_output=True, text=True).stdout.strip()
    try:
        with (
            subprocess.Popen(["docker", "export", name], stdout=subprocess.PIPE) as export,
            tarfile.open(fileobj=export.stdout, mode="r|") as tar,
        ):
            return {member.name: entry(tar, member) for member in tar}
    finally:
        subprocess.run(["docker", "rm", name], check=True, capture_output=True)


def entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    """Return a member of an archive as an entry."""
    file = tar.extractfile(member) if member.isfile() else None
    content = hashlib.sha256(file.read()).hexdigest() if file else member.linkname
    return Entry(member.type, member.mode, (member.uid, member.gid), content, member.mtime)


def differences(first: Mapping[str, Entry], second: Mapping[str, Entry]) -> tuple[list[str], list[str]]:
    """Return the paths that differ, each with its differences, and the paths that differ only in their time."""
    lines, times = [], []
    for path in sorted({*first, *second}):
        one, other = first.get(path), second.get(path)
        if one is None or other is None:
            lines.append(f"{path}: only in the {'second' if one is None else 'first'}")
            continue
        found = [name for name in ("kind", "mode", "owner", "content") if getattr(one, name) != getattr(other, name)]
        if found:
            lines.append(f"{path}: {', '.join(found)}")
        elif one.time != other.time:
            times.append(path)
    return lines, times


def main() -> int:
    """Compare the images of the services that the arguments name; return 0 only if they differ in nothing but times."""
    settings = Settings.read()
    base = base_image.find(settings.base_image)
    if base is None:
        print("there is no base image yet: ./stack up makes it")
        return 1
    environment = {**os.environ, **compose.environment(base, ca_bundle(settings.ca_bundle))}
    known = sorted(updates.builders().values())
    services = sys.argv[1:] or known
    if unknown := set(services) - set(known):
        print(f"no service builds an image by the name {', '.join(sorted(unknown))}; known: {', '.join(known)}")
        return 1
    for project in PROJECTS:
        command = compose.compose("build", "--no-cache", *services)
        subprocess.run(command, env={**environment, "COMPOSE_PROJECT_NAME": project}, check=True)
    config = json.loads(subprocess.run(compose.config(), check=True, capture_output=True).stdout)
    worst = 0
    for service in services:
        name = config["services"][service]["image"].rpartition("/")[2]
        first, second = (entries(f"{project}/{name}") for project in PROJECTS)
        lines, times = differences(first, second)
        print(f"{service}: {len(first)} entries, {len(lines)} differ, {len(times)} more differ in their time")
        print("\n".join(f"  {line}" for line in [*lines, *(f"{path}: time" for path in times[:10])]))
        worst = max(worst, bool(lines))
    return worst


if __name__ == "__main__":
    sys.exit(main())
