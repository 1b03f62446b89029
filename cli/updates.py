"""Images on fresh Debian packages: which ones lack security updates, and the base that each is built on.

An ordinary build keeps the packages of the builder's cache, because new ones would restart every container. An image
that lacks security updates is built again on a fresh base. Its label names this base, and later builds start from it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cli import base_image, compose, process
from cli.app import plan
from cli.console import StackError
from cli.settings import ca_bundle
from rollout import updates
from rollout.updates import Answer, UpdatesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cli.settings import Settings

    #: Builds the images of services on a base.
    Build = Callable[[str, Sequence[str]], None]

#: The label with the base that an image was built on: images/base/fresh.Dockerfile.
LABEL = "landfast.base"


def builders() -> dict[str, str]:
    """Return the images that this checkout builds for a laptop, each with a service that builds it.

    Raises:
        StackError: Compose cannot read its files.
    """
    config = plan.configuration(active=True)
    built = {name: entry for name, entry in config["services"].items() if entry.get("build")}
    return {entry.get("image", f"{config['name']}-{name}"): name for name, entry in built.items()}


def present(images: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the labels of those ``images`` that are on this machine."""
    wanted = set(images)
    output = process.capture(compose.inspect_images(sorted(wanted))) if wanted else None
    found: dict[str, dict[str, str]] = {}
    for entry in json.loads(output.stdout or "[]") if output else []:
        for name in entry["RepoTags"] or []:
            found[name.removesuffix(":latest")] = dict(entry["Config"].get("Labels") or {})
    return {image: found[image] for image in sorted(wanted) if image in found}


def bases(images: Mapping[str, str], base: str) -> dict[str, list[str]]:
    """Return the bases to build on, each with its services.

    Args:
        images: images, each with a service that builds it.
        base: the base of images that were never built on a fresh one.
    """
    prefix = base_image.fresh_name(base, "")
    listed = process.capture(compose.list_images(base_image.FRESH)).stdout.split()
    fresh = sorted(name for name in listed if name.startswith(prefix))
    if not fresh:
        return {base: sorted(images.values())}
    labels = present(images)
    found: dict[str, list[str]] = {}
    for image, service in sorted(images.items()):
        # A new image starts from the newest packages that are here.
        wanted = labels[image].get(LABEL, base) if image in labels else fresh[-1]
        found.setdefault(wanted if wanted in fresh else base, []).append(service)
    return found


def build_all(environment: Mapping[str, str]) -> bool:
    """Build all images, each on its base, and return whether that succeeded.

    Args:
        environment: the variables for builds.
    """
    if not process.capture(compose.list_images(base_image.FRESH)).stdout.strip():
        return process.run(compose.build(), env=environment) == 0
    groups = bases(builders(), environment["BASE_IMAGE"])
    commands = [(base, compose.build(*services)) for base, services in groups.items()]
    return all(process.run(command, env={**environment, "BASE_IMAGE": base}) == 0 for base, command in commands)


def ask(images: Iterable[str], settings: Settings) -> Answer:
    """Ask the Debian mirror for the security updates that ``images`` lack.

    Raises:
        UpdatesError: the mirror does not answer, or Docker does not.
    """
    return updates.ask(images, str(ca_bundle(settings.ca_bundle) or ""))


def renew(images: Mapping[str, str], base: str, answer: Answer, settings: Settings, build: Build) -> list[str]:
    """Build the images that lack security updates on a fresh base; return those that lack updates even then.

    Args:
        images: images, each with a service that builds it.
        base: the base.
        answer: the mirror's answer for ``images``.
        settings: the settings of the stack.
        build: builds images.

    Raises:
        StackError: a build failed.
        UpdatesError: the mirror does not answer any more.
    """
    fresh = base_image.freshen(base, answer.index, ca_bundle(settings.ca_bundle))
    build(fresh, sorted(images[image] for image in answer.outdated))
    return ask(answer.outdated, settings).outdated


def lines(answer: Answer) -> list[str]:
    """Return the answer for people: a line for each image that lacks updates, or one line if none does."""
    found = [
        f"{image} lacks {len(answer.lacking[image])} security updates: {', '.join(answer.lacking[image])}"
        for image in answer.outdated
    ]
    if not found and answer.lacking:
        found = [f"the {len(answer.lacking)} images lack none of Debian's security updates (index of {answer.index})"]
    return [*found, *(f"{image} is no Debian image: look after its updates yourself" for image in answer.unknown)]


def update(images: Mapping[str, str], base: str, settings: Settings, build: Build, start: Callable[[], str]) -> bool:
    """Update the images of a laptop's stack; if the stack does not get healthy with them, restore the former ones.

    Args:
        images: images, each with a service that builds it.
        base: the base.
        settings: the settings of the stack.
        build: builds images.
        start: starts the stack and tests it; returns its problem, or an empty string.

    Returns:
        Whether no image lacks an update now.

    Raises:
        StackError: nothing was changed, or the former images run again.
    """
    here = {image: images[image] for image in present(images)}
    if not here:
        raise StackError("there are no images yet", "./stack up builds them, with the newest packages")
    try:
        answer = ask(here, settings)
    except UpdatesError as error:
        raise StackError(f"{error}; nothing was changed", "try again once it answers") from error
    print("\n".join(f"  {line}" for line in lines(answer)), flush=True)
    if not answer.outdated:
        return True
    former = {image: process.capture(compose.image_exists(image)).stdout.strip() for image in answer.outdated}
    try:
        left = renew(here, base, answer, settings, build)
        problem = start()
    except (StackError, UpdatesError) as error:
        left, problem = [], str(error)
    if problem:
        for image, identifier in former.items():
            process.capture(compose.tag(identifier, image))
        again = start()
        outcome = f"and the former images have a problem too: {again}" if again else "the former images run again"
        raise StackError(f"the update failed: {problem}", outcome)
    for image in left:
        print(f"  {image} still lacks updates: its Dockerfile must begin with FROM ${{BASE_IMAGE}}", flush=True)
    return not left
