"""What images hold of secrets, and what becomes of secrets that are unusual."""

from __future__ import annotations

import secrets as randomness
from typing import TYPE_CHECKING

import pytest

from tests.support import secrets
from tests.support.checkout import copy_checkout
from tests.support.stack import PREFIX, ROOT, Stack, docker
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def known(images: Stack) -> dict[str, str]:
    """The secrets that a first start has made."""
    return secrets.values(images)


@pytest.fixture(scope="module")
def canary(images: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """An image that was built anew with a mark in its build secrets, and the mark."""
    mark = f"canary-{randomness.token_hex(16)}"
    directory: Path = tmp_path_factory.mktemp("build-secrets")
    bundle = directory / "bundle.crt"
    own = images.environment.get("CA_BUNDLE", "")
    content = (ROOT / own).read_text(encoding="utf-8") if own else ""
    bundle.write_text(f"# {mark}\n{content}", encoding="utf-8")
    checkout = tmp_path_factory.mktemp("canary") / "checkout"
    copy_checkout(checkout)
    # Not what the builder has kept; and what others build beside this stays as it is, which --no-cache would replace.
    with (checkout / "images/base/apt-install").open("a", encoding="utf-8") as installer:
        installer.write(f"# {images.project}\n")
    name, variables = f"{images.project}-canary", {"CA_BUNDLE": str(bundle)}
    built = Stack(name, checkout, images.ports, variables=variables)
    built.compose("build", "redis", timeout=300)
    image = f"{built.project}/redis"
    yield image, mark
    docker("rmi", "--force", image)


def test_no_secret_is_in_the_layers_or_settings_of_any_image(images: Stack, known: dict[str, str]) -> None:
    there = "landfast_runtime"  # the search finds it
    assert secrets.found_in(images.images, [there, *known.values()]) == {there}


def test_no_secret_is_in_an_images_history(images: Stack, known: dict[str, str]) -> None:
    history = "".join(docker("history", "--no-trunc", image) for image in images.images)

    assert not [name for name, value in known.items() if value in history]


def test_redis_takes_a_password_of_any_characters_and_does_not_show_it(images: Stack, tmp_path: Path) -> None:
    mark = randomness.token_hex(16)  # the log would escape the rest
    own = tmp_path / "own"
    own.write_text(f'{mark} "b" \\c\'#d $e %f ü', encoding="utf-8")
    name = f"{images.project}-own-password"
    try:
        images.compose(
            *("run", "--detach", "--no-deps", f"--name={name}", "--volume=/var/lib/redis"),
            *(f"--volume={own}:/run/secrets/health:ro", "redis"),
        )
        wait_until(
            lambda: docker("inspect", "--format={{.State.Health.Status}}", name).strip() == "healthy",
            30,
            lambda: f"Redis to be healthy; it said:\n{docker('logs', name, merge=True)}",
        )
        assert mark not in docker("logs", name, merge=True)
    finally:
        docker("rm", "--force", "--volumes", name)


def test_the_authoritys_key_is_not_kept(images: Stack) -> None:
    script = "grep -l -r 'PRIVATE KEY' /secrets | xargs -n 1 basename | sort -u"
    found = images.compose("run", "--rm", "--no-deps", "--no-TTY", "--entrypoint=sh", "secrets", "-c", script).stdout

    assert found.split() == ["tls_key"]


def test_a_build_secret_leaves_no_trace_in_the_image(canary: tuple[str, str]) -> None:
    image, mark = canary

    assert image.startswith(PREFIX)
    there = "redis-server"  # the search finds it
    assert secrets.found_in({image}, [there, mark]) == {there}
