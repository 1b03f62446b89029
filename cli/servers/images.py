"""The images of a release: built once from a clean checkout, named by its Git commit, sent to the registry."""

from __future__ import annotations

import hashlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cli import base_image, cache, compose, machine, network, preflight, process
from cli.console import StackError
from cli.preflight import State
from cli.servers import configuration, registry
from cli.settings import ROOT, Settings, ca_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The local names of images for servers: a laptop's stack of this checkout keeps its own.
PROJECT = "landfast-release"
BUILD_TIMEOUT = 3600
PUSH_TIMEOUT = 1800
#: Letters of a commit that name a release; Git itself shows about as many.
SHORT = 12
#: What a release is made of: all but inventories, which say where it goes. One's own is in no commit at first.
CONTENT = (".", ":(exclude)ansible/inventories")


@dataclass(frozen=True)
class Built:
    """What the registry has now.

    Args:
        release: its name.
        images: image as Compose names it -> by digest, as nodes find it.
        built: whether images were built for it just now.
        sent: bytes that this machine sent to the servers' own registry over SSH.
        seconds: how long all took.
    """

    release: str
    images: Mapping[str, str] = field(default_factory=dict)
    built: bool = False
    sent: int = 0
    seconds: float = 0


def git(*arguments: str) -> str:
    """Return what Git says of this checkout.

    Raises:
        StackError: it is none.
    """
    output = process.capture(["git", "-C", str(ROOT), *arguments])
    if output.code != 0:
        raise StackError(f"git {arguments[0]}: {output.stderr.strip()}", "releases are named by Git commits")
    return output.stdout


def release_name(*, dirty: bool) -> str:
    """Return the name of the release that this checkout is.

    Args:
        dirty: whether changes that are not committed may be part of it.

    Raises:
        StackError: there are such changes, and they may not.
    """
    commit = git("rev-parse", "HEAD").strip()[:SHORT]
    changes = git("status", "--porcelain", "--", *CONTENT).rstrip()
    if not changes:
        return commit
    if not dirty:
        raise StackError(
            f"the checkout has changes that are in no commit:\n{changes}",
            "commit them: a release is named by its commit; or, for a trial, deploy with -e release_allow_dirty=true",
        )
    contents = git("diff", "HEAD", "--", *CONTENT) + "".join(
        f"{name}\n{hashlib.sha256((ROOT / name).read_bytes()).hexdigest()}\n"
        for name in git("ls-files", "--others", "--exclude-standard", "--", *CONTENT).splitlines()
        if (ROOT / name).is_file()
    )
    return f"{commit}-dirty-{hashlib.sha256(contents.encode()).hexdigest()[:8]}"


def provide(ssh: Sequence[str], address: str, *, dirty: bool) -> Built:
    """Make sure that the registry has the images of this checkout.

    Args:
        ssh: the command that reaches the first manager, or nothing where that is this machine.
        address: what nodes know the registry by.
        dirty: whether changes that are not committed may be part of the release.

    Raises:
        StackError: building or sending failed.
    """
    began, release = time.monotonic(), release_name(dirty=dirty)
    names = configuration.built_images(configuration.read({}))
    if address != "{}:{}".format(*registry.REGISTRY):
        return _provide(release, names, address, address, began)
    with registry.route(ssh) as route:
        done = _provide(release, names, route.address, address, began)
    return replace(done, sent=route.sent)  # SSH tells it at its end


def _provide(release: str, names: Sequence[str], here: str, there: str, began: float) -> Built:
    """Build and push what is missing.

    Args:
        release: its name.
        names: the images' names in the Compose files.
        here: what this machine reaches the registry by.
        there: what nodes reach it by.
        began: when the work did.
    """
    repositories = {name: f"landfast/{name.rpartition('/')[2]}" for name in names}
    own = here != there
    found = {name: registry.digest(here, path, release) if own else "" for name, path in repositories.items()}
    missing = [name for name, digest in found.items() if not digest]
    if missing:
        # Checkouts share the images' local names: what one has built, another must not send as its own.
        with cache.locked(PROJECT), ThreadPoolExecutor(max_workers=4) as pool:
            build(names)
            found |= zip(missing, pool.map(lambda name: push(name, f"{here}/{repositories[name]}:{release}"), missing))
    images = {name: f"{there}/{path}:{release}@{found[name]}" for name, path in repositories.items()}
    return Built(release, images, bool(missing), 0, time.monotonic() - began)


def build(names: Sequence[str]) -> None:
    """Build the images; layers that did not change come from Docker's cache.

    Raises:
        StackError: the checkout's files are not as images need them, or a build failed.
    """
    for check in preflight.checkout(machine.Checkout.inspect()):
        if check.state is State.FAILED:
            raise StackError(f"files: {check.text}")
    settings = Settings.read()
    base = base_image.find(settings.base_image)
    if base is None:
        answers = not network.unreachable([network.registry_address(settings.base_image)])
        mirrors = network.mirrors(machine.System.read(), settings.debian_mirror)
        base = base_image.obtain(settings.base_image, mirrors, registry_answers=answers)
    variables = {**configuration.clean_environment(), **compose.environment(base, ca_bundle(settings.ca_bundle))}
    services = configuration.builders(configuration.read({}), names)
    output = process.capture(
        [*configuration.COMPOSE, "--progress", "plain", "build", *services], timeout=BUILD_TIMEOUT, env=variables
    )
    print(output.stderr, file=sys.stderr)
    if output.code != 0:
        raise StackError("the images could not be built", "\n".join(output.stderr.splitlines()[-30:]))


def push(local: str, remote: str) -> str:
    """Send an image and return its digest; layers that the registry has stay here.

    Args:
        local: its name in the Compose files.
        remote: its name in the registry, as this machine reaches that.

    Raises:
        StackError: it could not be sent.
    """
    for command in (["docker", "tag", local, remote], ["docker", "push", remote]):
        output = process.capture(command, timeout=PUSH_TIMEOUT)
        if output.code != 0:
            raise StackError(f"{remote} could not be sent", output.stderr.strip())
    process.capture(["docker", "rmi", "--no-prune", remote])  # only the name: it would point at a port of the moment
    digest = registry.pushed_digest(output.stdout)
    if not digest:
        raise StackError(f"docker push told no digest of {remote}", output.stdout[-500:])
    return digest
