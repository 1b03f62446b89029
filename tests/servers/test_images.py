"""Builds and pushes of a release's images."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

from cli import cache
from cli.servers import configuration, images

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


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

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(images, "build", lambda _: note("built"))
    monkeypatch.setattr(images, "push", push)
    monkeypatch.setattr(images, "release_name", lambda **_: "one")
    monkeypatch.setattr(configuration, "read", lambda _: {})
    monkeypatch.setattr(configuration, "built_images", lambda _: ["landfast-release/nginx"])

    images.provide([], "registry.test", dirty=False)
    note("afterwards")

    assert done == [("built", True), ("sent", True), ("afterwards", False)]
