"""Building and sending a release's images."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cli.servers import configuration, images

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_two_checkouts_do_not_send_each_other_s_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    built: dict[str, int] = {}  # who built what the shared local name points at
    sent: dict[str, int] = {}

    def build(names: list[str]) -> None:
        built.update(dict.fromkeys(names, threading.get_ident()))
        time.sleep(0.1)  # the other one's chance

    def push(local: str, remote: str) -> str:
        sent[remote] = built[local]
        return "sha256:1"

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(images, "build", build)
    monkeypatch.setattr(images, "push", push)
    monkeypatch.setattr(images, "release_name", lambda **_: f"release-{threading.get_ident()}")
    monkeypatch.setattr(configuration, "read", lambda _: {})
    monkeypatch.setattr(configuration, "built_images", lambda _: ["landfast-release/nginx"])

    with ThreadPoolExecutor(2) as pool:
        done = [
            each.result() for each in [pool.submit(images.provide, [], "registry.test", dirty=False) for _ in range(2)]
        ]

    assert len({each.release for each in done}) == 2
    assert {remote.rpartition("-")[2]: str(builder) for remote, builder in sent.items()} == {
        str(builder): str(builder) for builder in sent.values()
    }
