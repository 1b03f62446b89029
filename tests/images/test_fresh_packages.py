"""Images with newer Debian packages: built again on a laptop, with one more layer on servers."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from cli import base_image, compose, updates
from rollout import fresh_packages
from rollout.updates import ask
from tests.images.test_image_contents import RULES, SEARCH
from tests.support.packages import AGE, AGED
from tests.support.stack import Stack, docker
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

INDEX = "2030-01-01T00:00:00Z"


def search(image: str) -> list[str]:
    """Return the rules that ``image`` breaks."""
    options = ("--rm", "--network=none", "--user=0", "--entrypoint=sh")
    words = {line.partition(" ")[0] for line in docker("run", *options, image, "-c", SEARCH).splitlines()}
    return sorted(words & set(RULES))


def config(image: str) -> dict[str, object]:
    """Return how containers of ``image`` run."""
    found = json.loads(docker("image", "inspect", "--format={{json .Config}}", image))
    return {key: found.get(key) for key in ("User", "Entrypoint", "Cmd", "Env", "WorkingDir", "StopSignal")}


def layers(image: str) -> list[str]:
    """Return the digests of the layers of ``image``."""
    return list(json.loads(docker("image", "inspect", "--format={{json .RootFS.Layers}}", image)))


@pytest.fixture
def fresh(images: Stack) -> Iterator[str]:
    """A base with the newest packages."""
    base = images.environment["BASE_IMAGE"]
    bundle = images.environment.get("CA_BUNDLE")
    name = base_image.fresh_name(base, INDEX)
    command = compose.build_fresh_base(base, name, INDEX, None)
    secret = [f"--secret=id=ca_bundle,src={bundle}"] if bundle else []
    subprocess.run([*command[:-1], *secret, command[-1]], check=True, capture_output=True, timeout=PATIENCE * 300)
    yield name
    docker("rmi", "--force", name)


def test_an_image_that_is_built_on_a_fresh_base_is_built_on_it_from_then_on(images: Stack, fresh: str) -> None:
    base, name = images.environment["BASE_IMAGE"], f"{images.project}-fresh"
    own = Stack(name, images.directory, images.ports, variables={"BASE_IMAGE": fresh})
    try:
        own.compose("build", "redis", timeout=300)
        known = {f"{name}/redis": "redis", f"{images.project}/nginx": "nginx"}

        # The fresh base and the other one differ in this image alone.
        assert updates.bases(known, base) == {fresh: ["redis"], base: ["nginx"]}
        assert config(f"{name}/redis") == config(f"{images.project}/redis")
        assert search(f"{name}/redis") == []
    finally:
        docker("rmi", "--force", f"{name}/redis")


def build(name: str, recipe: str) -> None:
    """Build an image from a Dockerfile without files."""
    command = ["docker", "build", "--quiet", "--network=host", f"--tag={name}", "-"]
    subprocess.run(command, input=recipe, text=True, check=True, capture_output=True, timeout=PATIENCE * 300)


def test_the_layer_of_servers_brings_what_is_lacking_and_changes_nothing_else(images: Stack) -> None:
    image, old, new = (f"{images.project}{part}/postgres" for part in ("", "-old", "-new"))
    user = str(config(image)["User"])
    try:
        build(old, f"FROM {image}\nUSER 0\nRUN {AGE}\nUSER {user}\n")
        before = ask([old])
        assert [line.partition(" ")[0] for line in before.lacking[old]] == [AGED]

        build(new, fresh_packages.recipe(old, user))

        assert ask([new]).outdated == []
        assert config(new) == config(image)
        assert search(new) == []
        assert layers(new)[:-1] == layers(old), "one layer more"
    finally:
        docker("rmi", "--force", old, new)
