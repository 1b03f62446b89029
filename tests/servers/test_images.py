"""Builds and pushes of a release's images."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

from cli import base_image, cache, preflight, updates
from cli.servers import configuration, images
from rollout.updates import Answer, UpdatesError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def test_no_other_checkout_builds_between_building_and_sending(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Checkouts share the images' local names: one would push the images that the other has built."""
    done: list[tuple[str, bool]] = []

    def note(what: str) -> None:
        with (cache.directory() / f"{images.PROJECT}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                done.append((what, True))
            else:
                done.append((what, False))

    def push(_local: str, _remote: str) -> str:
        note("sent")
        return "sha256:1"

    def build(_: object) -> list[str]:
        note("built")
        return []

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(images, "build", build)
    monkeypatch.setattr(images, "push", push)
    monkeypatch.setattr(images, "release_name", lambda **_: "one")
    monkeypatch.setattr(configuration, "read", lambda _: {})
    monkeypatch.setattr(configuration, "built_images", lambda _: ["landfast-release/nginx"])

    images.provide([], "registry.test", dirty=False)
    note("afterwards")

    assert done == [("built", True), ("sent", True), ("afterwards", False)]


IMAGE = "landfast-release/nginx"
LACKING = Answer("2026-11-29T00:53:14Z", {IMAGE: ("openssl 1 -> 2",)})


@pytest.mark.parametrize(
    ("answers", "built_on", "notes"),
    [
        ([Answer("2026-11-29T00:53:14Z", {IMAGE: ()})], ["base"], []),
        ([LACKING, Answer("2026-11-29T00:53:14Z", {IMAGE: ()})], ["base", "fresh base"], []),
        ([LACKING, LACKING], ["base", "fresh base"], [f"{IMAGE} lacks security updates even on fresh packages"]),
        (
            [UpdatesError("the mirror was not asked: no route")],
            ["base"],
            ["nobody knows whether the images lack security updates: the mirror was not asked: no route"],
        ),
    ],
)
def test_a_deploy_builds_images_that_lack_updates_on_fresh_packages_and_tells_what_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, answers: list[Answer | UpdatesError], built_on: list[str], notes: list[str]
) -> None:
    bases = []

    def ask(*_: object) -> Answer:
        answer = answers.pop(0)
        if isinstance(answer, UpdatesError):
            raise answer
        return answer

    def build(base: str, services: Sequence[str], _: object) -> None:
        assert services == ["nginx"]
        bases.append(base)

    monkeypatch.setattr(preflight, "checkout", lambda _: [])
    monkeypatch.setattr(base_image, "find", lambda _: "base")
    monkeypatch.setattr(base_image, "freshen", lambda base, *_: f"fresh {base}")
    monkeypatch.setattr(configuration, "read", lambda _: {})
    monkeypatch.setattr(configuration, "builders", lambda *_: ["nginx"])
    monkeypatch.setattr(updates, "bases", lambda _images, base: {base: ["nginx"]})
    monkeypatch.setattr(updates, "ask", ask)
    monkeypatch.setattr(images, "build_services", build)

    assert images.build([IMAGE]) == notes
    assert bases == built_on
    assert answers == []
