"""The two Python environments of tests and linters, made on first use and again when their lock changes.

*host*: runs on the host's own Python; drives Docker and a browser from outside, and lints.
*services*: the services' packages, for their unit tests and types, with the images' own Python and PostgreSQL. It is
the Debian release of the images in a plain directory, entered with bubblewrap. That needs no Docker and no daemon. On a
machine without apt, the host's own Python and PostgreSQL are used if they are new enough.

Environments are in the user's cache, named by the hash of their lock: a second checkout shares them, and a change of
the lock makes a new one. A half-made environment has no stamp, and is made again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cli import base_image, cache, network, process
from cli.console import StackError
from cli.machine import System
from cli.settings import ROOT, Settings, ca_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REQUIREMENTS = ROOT / "tests"

#: Django 6.1 refuses anything older.
OLDEST_SERVICES_PYTHON = (3, 12)
#: ansible-lint and ansible-core refuse anything older.
OLDEST_HOST_PYTHON = (3, 11)

#: Debian packages for the unit tests of services: among them their database server, and the tools for translations.
USERLAND_PACKAGES = ("python3", "ca-certificates", "postgresql-17", "gettext")

#: The user id of the tests inside the userland: Debian's nobody, because PostgreSQL needs a user with a name.
INSIDE = "65534"

#: The path of the trusted certificates in Debian.
BUNDLE_INSIDE = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Environment:
    """A Python environment and the command that enters it. Only :meth:`provide` makes the environment.

    Args:
        python: its interpreter.
        make: makes the environment if it does not exist yet.
        enter: the prefix of every command: nothing, or bubblewrap and its arguments.
    """

    python: Path
    make: Callable[[], None]
    enter: tuple[str, ...] = ()

    def provide(self) -> None:
        """Make the environment if it does not exist yet.

        Raises:
            StackError: the host's Python is too old, a Debian package is missing, or an installation failed.
        """
        self.make()

    def module(self, *arguments: str) -> tuple[str, ...]:
        """Return the command that runs a module (``python -m ...``) in the environment."""
        return (*self.enter, str(self.python), "-m", *arguments)

    def tool(self, name: str, *arguments: str) -> tuple[str, ...]:
        """Return the command that runs a program from a package of the environment."""
        return (*self.enter, str(self.python.parent / name), *arguments)


def host() -> Environment:
    """Return the environment of the host's own Python."""
    return _environment("host", Path(sys.executable), OLDEST_HOST_PYTHON)


def services() -> Environment:
    """Return the environment with the services' packages."""
    if shutil.which("apt-get") is None or not (shutil.which("bwrap") or process.can_be_root()):
        return _environment("services", Path(sys.executable), OLDEST_SERVICES_PYTHON)
    enter = _bubblewrap(_userland())
    return _environment("services", Path("/usr/bin/python3"), (), enter)


def _environment(name: str, python: Path, oldest: tuple[int, ...], enter: tuple[str, ...] = ()) -> Environment:
    """Return the virtual environment with exactly the packages of ``requirements-<name>.txt``.

    Args:
        name: the name of the environment and of its lock.
        python: the interpreter that makes it.
        oldest: the oldest accepted version of this process's own Python.
        enter: the prefix of every command.
    """
    lock = REQUIREMENTS / f"requirements-{name}.txt"
    key = f"{name}-{_hash(lock.read_bytes(), str(python).encode(), _running().encode())}"

    def make() -> None:
        if sys.version_info < oldest:
            raise StackError(f"tests need Python {_dotted(oldest)} or newer, not {_running()}")
        if enter:
            _provide_userland()
        _make_once(key, partial(_install, name, lock, python, enter))

    return Environment(cache.directory() / key / "bin" / "python", make, enter)


def _install(name: str, lock: Path, python: Path, enter: tuple[str, ...], directory: Path) -> None:
    """Make a virtual environment in ``directory``; the arguments are those of :func:`_environment`."""
    uv = _uv()
    new = [str(uv), "venv", "--quiet", "--no-config", "--python", str(python), str(directory)]
    _run([*enter, *new], f"making the {name} environment")
    install = [str(uv), "pip", "install", "--quiet", "--no-config", "--compile-bytecode", "--no-deps"]
    into = ["--require-hashes", "--python", str(directory / "bin/python"), "--requirements", str(lock)]
    _run([*enter, *install, *into], f"installing {lock.name}")


def _uv() -> Path:
    """Return uv, installed by pip with a checked hash; uv installs the rest several times faster than pip."""
    lock = REQUIREMENTS / "requirements-uv.txt"

    def make(directory: Path) -> None:
        if importlib.util.find_spec("ensurepip") is None:  # Debian has this part of venv in a separate package
            install_debian_packages("python3-venv")
        _run([sys.executable, "-m", "venv", str(directory)], "making the installer's environment")
        pip = [str(directory / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--require-hashes", "-r", str(lock)], f"installing {lock.name}")

    return _make_once(f"uv-{_hash(lock.read_bytes(), _running().encode())}", make) / "bin" / "uv"


def _userland() -> Path:
    """Return the root directory of a minimal Debian with Python; :func:`_provide_userland` unpacks it."""
    return cache.directory() / f"userland-{network.SUITE}-{_hash(*(name.encode() for name in USERLAND_PACKAGES))}"


def _provide_userland() -> None:
    """Unpack the minimal Debian and install the program that enters it, if they are missing."""
    if shutil.which("bwrap") is None:
        install_debian_packages("bubblewrap")

    def make(directory: Path) -> None:
        if shutil.which("mmdebstrap") is None:
            install_debian_packages("mmdebstrap", "debian-archive-keyring")
        mirrors = network.mirrors(System.read(), Settings.read().debian_mirror)
        if not mirrors.main:
            raise StackError("no Debian mirror is known", "name one in DEBIAN_MIRROR")
        archive = directory / "userland.tar"
        _, *arguments = base_image.mmdebstrap(archive, mirrors)
        include = f"--include={','.join(USERLAND_PACKAGES)}"
        command = ["mmdebstrap", include, *arguments]
        # Without root mmdebstrap needs a range of user ids and a program to map them, which few machines have.
        command = process.as_root(command) if process.can_be_root() else command
        _run(command, "unpacking the images' Debian, Python and PostgreSQL")
        # Only root could unpack device nodes and the like. They are not needed, because bubblewrap makes its own.
        _run(["tar", "-xf", str(archive), "-C", str(directory), "--no-same-owner", "./usr", "./etc"], "unpacking")
        archive.unlink()
        resolver = directory / "etc/resolv.conf"
        resolver.unlink(missing_ok=True)
        resolver.touch()

    _make_once(_userland().name, make)


def _bubblewrap(userland: Path) -> tuple[str, ...]:
    """Return the command that enters the userland; this repository and the cache have the same paths there."""
    folder = cache.directory()
    # Another user id, because PostgreSQL does not run as root; the files still belong to this user.
    arguments = ["bwrap", "--die-with-parent", "--unshare-user", "--unshare-pid", "--uid", INSIDE, "--gid", INSIDE]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
    arguments += ["--ro-bind", str(userland / "usr"), "/usr", "--ro-bind", str(userland / "etc"), "/etc"]
    for part in ("bin", "lib", "lib64", "sbin"):
        arguments += ["--symlink", f"usr/{part}", f"/{part}"]
    arguments += ["--ro-bind-try", str(Path("/etc/resolv.conf").resolve()), "/etc/resolv.conf"]
    bundle = ca_bundle()
    if bundle:
        arguments += ["--ro-bind", str(bundle), BUNDLE_INSIDE]
        arguments += ["--setenv", "SSL_CERT_FILE", BUNDLE_INSIDE, "--unsetenv", "SSL_CERT_DIR"]
    arguments += ["--bind", str(folder), str(folder), "--bind", str(ROOT), str(ROOT)]
    return (*arguments, "--setenv", "HOME", "/tmp", "--")  # noqa: S108 - the tmpfs inside


def provide_programs(packages: Mapping[str, str]) -> None:
    """Install the Debian packages of programs that this machine lacks.

    Args:
        packages: program -> its package.

    Raises:
        StackError: this machine is not a Debian, or the installation failed.
    """
    missing = sorted({package for program, package in packages.items() if shutil.which(program) is None})
    if missing:
        install_debian_packages(*missing)


def install_debian_packages(*packages: str) -> None:
    """Install Debian packages.

    Args:
        packages: their names.

    Raises:
        StackError: this machine is not a Debian, or the installation failed.
    """
    if shutil.which("apt-get") is None or not process.can_be_root():
        raise StackError(f"the tests need {' and '.join(packages)}", "install your system's packages for them")
    with cache.locked("apt"):  # steps side by side may each need a package
        process.apt_install(*packages)


def _make_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the cache's directory ``name``, made by ``make`` unless a complete one exists.

    The stamp is written last: a directory without it is half-made and is made again.
    """
    directory = cache.directory() / name
    stamp = directory / ".complete"
    if stamp.exists():
        return directory
    with cache.locked(name):
        if not stamp.exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            make(directory)
            stamp.touch()
    return directory


def _run(command: list[str], doing: str) -> None:
    """Run a command of the set-up; show its output only if it fails."""
    print(f"  {doing} ...", flush=True)
    variables = {**os.environ, "UV_CACHE_DIR": str(cache.directory() / "uv"), "UV_SYSTEM_CERTS": "1"}
    index = os.environ.get("PYTHON_INDEX_URL_FILE")
    if index:
        address = (ROOT / index).read_text(encoding="utf-8").strip()
        variables.update(UV_DEFAULT_INDEX=address, PIP_INDEX_URL=address)
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables, check=False
    )
    if result.returncode != 0:
        raise StackError(f"{doing} failed", result.stdout.strip())


def _hash(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _running() -> str:
    return _dotted(sys.version_info[:3])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
