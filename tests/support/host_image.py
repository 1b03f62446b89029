"""Images of bare machines: Debian after its installation, with systemd, sshd and Python, and nothing of Landfast."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cli import network
from cli.base_image import KEYRING
from cli.machine import System
from cli.process import as_root
from cli.settings import Settings
from tests.support.stack import docker
from tests.support.waiting import PATIENCE

#: Kept between runs: a bare machine changes only with its recipe.
REPOSITORY = "landfast-bare-machine"
#: The packages of a new server; sudo because clouds' images forbid root's login.
PACKAGES = ("systemd-sysv", "dbus", "openssh-server", "sudo", "python3", "iproute2", "ca-certificates")
#: Units that would change resources shared with the machine below: terminals and kernel modules.
MASKED = ("getty.target", "console-getty.service", "systemd-modules-load.service", "systemd-remount-fs.service")
#: The user of clouds' images.
USER = "debian"
BUILD = 600


@dataclass(frozen=True)
class Release:
    """A Debian release.

    Args:
        version: its number.
        codename: its name in a mirror.
        init: arguments of systemd; newer versions need one to run with cgroups v1.
    """

    version: str
    codename: str
    init: tuple[str, ...] = ()


DEBIAN_12 = Release("12", "bookworm")
DEBIAN_13 = Release("13", "trixie", ("SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",))


def image(release: Release) -> str:
    """Return the image of a bare machine, made from this machine's mirror if it is missing.

    Args:
        release: its Debian release.

    Raises:
        AssertionError: no mirror is known, or mmdebstrap failed.
    """
    mirrors = network.mirrors(System.read(), Settings.read().debian_mirror)
    assert mirrors.main, "no Debian mirror is known: name one in DEBIAN_MIRROR"
    recipe = command(release, mirrors, Path("bare.tar"))
    name = f"{REPOSITORY}:{release.codename}-{hashlib.sha256(json.dumps(recipe).encode()).hexdigest()[:12]}"
    if not docker("images", "--quiet", name).strip():
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # /tmp may be a tmpfs
            archive = Path(folder) / "bare.tar"
            made = subprocess.run(
                as_root(command(release, mirrors, archive)),
                capture_output=True, text=True, timeout=PATIENCE * BUILD, check=False,
            )  # fmt: skip
            assert made.returncode == 0, f"mmdebstrap failed:\n{made.stderr}"
            docker("import", str(archive), name, timeout=BUILD)
    return name


def command(release: Release, mirrors: network.Mirrors, archive: Path) -> list[str]:
    """Return the command that writes a bare machine's root file system.

    Args:
        release: its Debian release.
        mirrors: the sources of the packages; they stay in the machine's own apt sources.
        archive: the file to write.
    """
    suites = [(mirrors.main, release.codename), (mirrors.main, f"{release.codename}-updates")]
    suites += [(mirrors.security, f"{release.codename}-security")] if mirrors.security else []
    mask = " ".join(MASKED)
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=Acquire::Languages "none"',
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        f'--customize-hook=systemctl --root="$1" --quiet mask {mask}',
        # dpkg's list has packages that are not installed, as after Debian's installer.
        '--customize-hook=chroot "$1" sh -c "apt-cache dumpavail | dpkg --merge-avail"',
        # Every machine makes its own host keys, as with cloud-init.
        '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_*',
        f'--customize-hook=chroot "$1" useradd --create-home --shell /bin/bash {USER}',
        f'--customize-hook=echo "{USER} ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/{USER}"',
        release.codename,
        str(archive),
        *(f"deb [signed-by={KEYRING}] {mirror} {suite} main" for mirror, suite in suites),
    ]
