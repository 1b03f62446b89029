"""The images of a release: built once from a clean checkout, named by its Git commit, sent to the registry."""

from __future__ import annotations

import hashlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cli import base_image, cache, compose, machine, network, preflight, process, updates
from cli.console import StackError
from cli.preflight import State
from cli.servers import configuration, registry
from cli.settings import ROOT, Settings, ca_bundle
from rollout.updates import UpdatesError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

#: The prefix of local image names for servers: a laptop's stack of this checkout keeps its own images.
PROJECT = "landfast-release"
BUILD_TIMEOUT = 3600
PUSH_TIMEOUT = 1800
#: Letters of a commit that name a release; Git itself shows about as many.
SHORT = 12
#: The files of a release: all but inventories, which describe its servers. A user's inventory need not be committed.
CONTENT = (".", ":(exclude)ansible/inventories")


@dataclass(frozen=True)
class Built:
    """The images in the registry.

    Args:
        release: the name of the release.
        images: Compose's name of an image -> its name by digest on nodes.
        built: whether images were built for it just now.
        sent: bytes that this machine sent to the servers' own registry over SSH.
        seconds: how long all of it took.
        notes: what an operator should know of the images' packages.
    """

    release: str
    images: Mapping[str, str] = field(default_factory=dict)
    built: bool = False
    sent: int = 0
    seconds: float = 0
    notes: Sequence[str] = ()


def git(*arguments: str) -> str:
    """Return Git's output for this checkout.

    Raises:
        StackError: Git failed, for example because this is not a checkout.
    """
    output = process.capture(["git", "-C", str(ROOT), *arguments])
    if output.code != 0:
        raise StackError(f"git {arguments[0]}: {output.stderr.strip()}", "releases are named by Git commits")
    return output.stdout


def release_name(*, dirty: bool) -> str:
    """Return the name of this checkout's release.

    Args:
        dirty: whether uncommitted changes may be part of it.

    Raises:
        StackError: there are uncommitted changes, which may not be part of it.
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
        ssh: the command that reaches the first manager; empty if that is this machine.
        address: the registry's address on nodes.
        dirty: whether uncommitted changes may be part of the release.

    Raises:
        StackError: building or sending failed.
    """
    began, release = time.monotonic(), release_name(dirty=dirty)
    names = configuration.built_images(configuration.read({}))
    if address != "{}:{}".format(*registry.REGISTRY):
        return _provide(release, names, address, address, began)
    with registry.route(ssh) as route:
        done = _provide(release, names, route.address, address, began)
    return replace(done, sent=route.sent)  # SSH reports the bytes at its end


def _provide(release: str, names: Sequence[str], here: str, there: str, began: float) -> Built:
    """Build and push missing images.

    Args:
        release: the name of the release.
        names: the images' names in the Compose files.
        here: the registry's address on this machine.
        there: the registry's address on nodes.
        began: when the work began.
    """
    repositories = {name: f"landfast/{name.rpartition('/')[2]}" for name in names}
    own = here != there
    found = {name: registry.newest(here, path, release) if own else "" for name, path in repositories.items()}
    missing = [name for name, digest in found.items() if not digest]
    notes: Sequence[str] = ()
    if missing:
        # Checkouts share the images' local names: one checkout must not send the images that another has built.
        with cache.locked(PROJECT), ThreadPoolExecutor(max_workers=4) as pool:
            notes = build(names)
            found |= zip(missing, pool.map(lambda name: push(name, f"{here}/{repositories[name]}:{release}"), missing))
    images = {name: f"{there}/{path}:{release}@{found[name]}" for name, path in repositories.items()}
    return Built(release, images, bool(missing), 0, time.monotonic() - began, notes)


def build(names: Sequence[str]) -> Sequence[str]:
    """Build the images; Docker's cache has the unchanged layers. Those without security updates get fresh packages.

    Returns:
        What an operator should know of the images' packages.

    Raises:
        StackError: images cannot use the checkout's files, or a build failed.
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
    config = configuration.read({})
    images = {name: configuration.builders(config, [name])[0] for name in names}

    def build_on(base: str, services: Sequence[str]) -> None:
        build_services(base, services, ca_bundle(settings.ca_bundle))

    for wanted, services in updates.bases(images, base).items():
        build_on(wanted, services)
    try:
        answer = updates.ask(images, settings)
        left = updates.renew(images, base, answer, settings, build_on) if answer.outdated else []
    except UpdatesError as error:
        return [f"nobody knows whether the images lack security updates: {error}"]
    return [f"{name} lacks security updates even on fresh packages" for name in left]


def build_services(base: str, services: Sequence[str], bundle: Path | None) -> None:
    """Build the images of ``services`` on ``base``.

    Raises:
        StackError: a build failed.
    """
    variables = {**configuration.clean_environment(), **compose.environment(base, bundle)}
    output = process.capture(
        [*configuration.COMPOSE, "--progress", "plain", "build", *services], timeout=BUILD_TIMEOUT, env=variables
    )
    print(output.stderr, file=sys.stderr)
    if output.code != 0:
        raise StackError("the images could not be built", "\n".join(output.stderr.splitlines()[-30:]))


def push(local: str, remote: str) -> str:
    """Send an image and return its digest; layers that the registry has are not sent.

    Args:
        local: its name in the Compose files.
        remote: its name in the registry, with the registry's address on this machine.

    Raises:
        StackError: the image could not be sent.
    """
    for command in (["docker", "tag", local, remote], ["docker", "push", remote]):
        output = process.capture(command, timeout=PUSH_TIMEOUT)
        if output.code != 0:
            raise StackError(f"{remote} could not be sent", output.stderr.strip())
    process.capture(["docker", "rmi", "--no-prune", remote])  # removes the name only, which has a temporary port
    digest = registry.pushed_digest(output.stdout)
    if not digest:
        raise StackError(f"docker push told no digest of {remote}", output.stdout[-500:])
    return digest
