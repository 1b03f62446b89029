"""The image that all others start from: pulled, or made from a Debian mirror if no registry answers."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cli import compose, network, process
from cli.console import StackError
from cli.network import SUITE
from cli.settings import DEFAULT_BASE_IMAGE

if TYPE_CHECKING:
    from cli.network import Mirrors

#: The name of a base made here; only the official image has the official name.
LOCAL_IMAGE = "landfast-base:trixie"
#: The repository of bases with newer packages.
FRESH = "landfast-fresh"
PULL_TIMEOUT = 300
BUILD_TIMEOUT = 900
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
#: Debian 13's release day. No file in the image has a later time, so the same packages make the same layer.
SOURCE_DATE_EPOCH = "1754697600"

#: Files that the official slim image excludes too, now and when packages are installed into it later.
DPKG_OPTIONS = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/groff/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/linda/*",
    "path-exclude=/usr/share/lintian/*",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
    "path-exclude=/usr/share/man/*",
)
#: mmdebstrap writes these options to a file of its own; the official image uses another name.
HOOK = 'mv "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/docker"'


def is_replaceable(image: str) -> bool:
    """Return whether a base made here may replace ``image``; an image that the user chose is never replaced."""
    return image in {DEFAULT_BASE_IMAGE, LOCAL_IMAGE}


def find(image: str) -> str | None:
    """Return the name of the base on this machine; None if there is none."""
    names = [image, LOCAL_IMAGE] if is_replaceable(image) else [image]
    return next((name for name in names if process.capture(compose.image_exists(name)).code == 0), None)


def obtain(image: str, mirrors: Mirrors, *, registry_answers: bool) -> str:
    """Pull ``image``, or make a base in its place, and return its name on this machine.

    Args:
        image: the wanted image.
        mirrors: the Debian mirrors for a base made here.
        registry_answers: whether to try to pull.

    Raises:
        StackError: the base can neither be pulled nor made.
    """
    if registry_answers and process.run(compose.pull(image), timeout=PULL_TIMEOUT) == 0:
        return image
    if not is_replaceable(image):
        raise StackError(f"BASE_IMAGE {image} cannot be pulled", "name one that can, or unset BASE_IMAGE")
    build(mirrors)
    return LOCAL_IMAGE


def fresh_name(base: str, index: str) -> str:
    """Return the name of ``base`` with the packages of Debian's index of the date ``index``."""
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", base).strip("-.")[-80:]
    return f"{FRESH}:{slug}-{re.sub(r'[^0-9TZ]', '', index)}"


def freshen(base: str, index: str, bundle: Path | None) -> str:
    """Make a base with Debian's newest packages from ``base``, which is pulled again if its registry answers.

    Args:
        base: the base on this machine.
        index: the date of Debian's index.
        bundle: the trusted certificates.

    Returns:
        Its name.

    Raises:
        StackError: the packages could not be updated.
    """
    name = fresh_name(base, index)
    if process.capture(compose.image_exists(name)).code == 0:
        return name
    if base != LOCAL_IMAGE and not network.unreachable([network.registry_address(base)]):
        process.capture(compose.pull(base), timeout=PULL_TIMEOUT)  # without an answer the present one is updated
    # Quietly: on the machine that deploys, standard output is JSON for a playbook.
    done = process.capture(compose.build_fresh_base(base, name, index, bundle), timeout=BUILD_TIMEOUT)
    if done.code != 0:
        raise StackError(f"the packages of {base} could not be updated", "\n".join(done.stderr.splitlines()[-15:]))
    return name


def build(mirrors: Mirrors) -> None:
    """Make the base from a Debian mirror. An incomplete archive never becomes an image.

    Args:
        mirrors: the sources of the packages.

    Raises:
        StackError: there is no mirror, or a step failed.
    """
    if not mirrors.main:
        raise StackError("no Debian mirror is known", "name one in DEBIAN_MIRROR, then ./stack up again")
    if shutil.which("mmdebstrap") is None:
        process.apt_install("mmdebstrap", "debian-archive-keyring")
    folder = Path(tempfile.mkdtemp(prefix="landfast-base-", dir="/var/tmp"))  # /tmp may be a tmpfs
    archive = folder / "base.tar"
    try:
        made = process.run(process.as_root(mmdebstrap(archive, mirrors), SOURCE_DATE_EPOCH=SOURCE_DATE_EPOCH))
        if made != 0:
            raise StackError(f"the base image cannot be made from {mirrors.main}", "mmdebstrap says why, above")
        if process.run(compose.import_image(archive, LOCAL_IMAGE)) != 0:
            raise StackError("the base image cannot be imported", "Docker says why, above")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mmdebstrap(archive: Path, mirrors: Mirrors) -> list[str]:
    """Return the command that writes a minimal Debian as a root file system.

    Args:
        archive: the file to write.
        mirrors: the sources of the packages; they stay in the image's own apt sources.
    """
    # Over HTTPS apt needs certificates in the image, which a minimal Debian does not have.
    certificates = ["--include=ca-certificates"] if mirrors.main.startswith("https:") else []
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        *certificates,
        *(f"--dpkgopt={option}" for option in DPKG_OPTIONS),
        '--aptopt=Acquire::Languages "none"',
        f"--customize-hook={HOOK}",
        SUITE,
        str(archive),
        *sources(mirrors),
    ]


def sources(mirrors: Mirrors) -> list[str]:
    """Return the apt sources of the base: the release, its updates, and security updates if a mirror is known."""
    suites = [(mirrors.main, SUITE), (mirrors.main, f"{SUITE}-updates")]
    suites += [(mirrors.security, f"{SUITE}-security")] if mirrors.security else []
    return [f"deb [signed-by={KEYRING}] {mirror} {suite} main" for mirror, suite in suites]
