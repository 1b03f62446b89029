"""``./stack update``: which base an image is built on, and what happens to images that lack security updates."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from cli import base_image, compose, doctor, network, process, updates
from cli.console import StackError
from cli.settings import Settings
from rollout.updates import Answer, UpdatesError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BASE = "landfast-base:trixie"
OLD, NEW = (
    f"{base_image.FRESH}:landfast-base-trixie-20261101T080000Z",
    base_image.fresh_name(BASE, "2026-11-29T00:53:14Z"),
)
IMAGES = {"landfast/nginx": "nginx", "landfast/web": "web", "landfast/new": "new"}
OPENSSL = ("openssl 3.5.1-1 -> 3.5.4-1",)


@dataclass
class Docker:
    """Images with the bases that their labels name.

    Args:
        labels: image -> the base in its label; empty without one.
        fresh: the fresh bases that are there.
    """

    labels: dict[str, str] = field(default_factory=dict)
    fresh: Sequence[str] = ()
    ran: list[Sequence[str]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], **_: object) -> process.Output:
        self.ran.append(command)
        if command == compose.list_images(base_image.FRESH):
            return process.Output(0, "\n".join(self.fresh))
        if command[:3] == ["docker", "image", "inspect"] and "--format" not in command:
            asked = [image for image in command[3:] if image in self.labels]
            entries = [
                {"RepoTags": [f"{image}:latest"], "Config": {"Labels": {updates.LABEL: base} if base else None}}
                for image, base in self.labels.items()
                if image in asked
            ]
            return process.Output(int(len(asked) < len(command[3:])), json.dumps(entries))
        return process.Output(0, f"sha256:{command[-1]}\n")


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    found = Docker()
    monkeypatch.setattr(process, "capture", found)
    return found


def settings(tmp_path: Path) -> Settings:
    return Settings.read({}, tmp_path / "none")


def test_a_fresh_base_is_named_by_its_base_and_the_date_of_the_index() -> None:
    assert NEW == "landfast-fresh:landfast-base-trixie-20261129T005314Z"
    assert (
        base_image.fresh_name("registry.test:5000/a/debian:13", "2026Z")
        == "landfast-fresh:registry.test-5000-a-debian-13-2026Z"
    )


def test_it_builds_as_before_while_there_is_no_fresh_base(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[list[str]] = []

    def run(command: list[str], **_: object) -> int:
        built.append(command)
        return 0

    monkeypatch.setattr(process, "run", run)

    assert updates.build_all({"BASE_IMAGE": BASE})
    assert built == [compose.build()]
    assert len(docker.ran) == 1, "one cheap question"


def test_a_later_build_keeps_the_base_of_each_image_and_gives_a_new_one_the_newest(docker: Docker) -> None:
    docker.fresh, docker.labels = (NEW, OLD), {"landfast/nginx": OLD, "landfast/web": ""}

    assert updates.bases(IMAGES, BASE) == {NEW: ["new"], OLD: ["nginx"], BASE: ["web"]}


def test_a_base_that_is_gone_or_of_another_base_is_no_base_any_more(docker: Docker) -> None:
    docker.fresh = (NEW, "landfast-fresh:other-20261129T005314Z")
    docker.labels = dict.fromkeys(IMAGES, OLD) | {"landfast/web": "landfast-fresh:other-20261129T005314Z"}

    assert updates.bases(IMAGES, BASE) == {BASE: ["new", "nginx", "web"]}


def answers(monkeypatch: pytest.MonkeyPatch, *given: Answer | UpdatesError) -> None:
    left = list(given)

    def ask(*_: object) -> Answer:
        answer = left.pop(0)
        if isinstance(answer, UpdatesError):
            raise answer
        return answer

    monkeypatch.setattr(updates, "ask", ask)
    monkeypatch.setattr(base_image, "freshen", lambda base, index, _: base_image.fresh_name(base, index))


LACKING = Answer("2026-11-29T00:53:14Z", {"landfast/nginx": OPENSSL, "landfast/web": ()})
WELL = replace(LACKING, lacking={"landfast/nginx": ()})


def test_only_images_that_lack_updates_are_built_and_the_stack_is_started_and_tested(
    docker: Docker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    docker.labels = {"landfast/nginx": "", "landfast/web": ""}
    answers(monkeypatch, LACKING, WELL)
    built: list[tuple[str, Sequence[str]]] = []

    done = updates.update(IMAGES, BASE, settings(tmp_path), lambda *words: built.append(words), lambda: "")

    assert done
    assert built == [(NEW, ["nginx"])]


def test_nothing_is_built_or_started_if_nothing_is_lacking(
    docker: Docker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    docker.labels = {"landfast/nginx": ""}
    answers(monkeypatch, WELL)

    assert updates.update(
        IMAGES, BASE, settings(tmp_path), lambda *_: pytest.fail("built"), lambda: pytest.fail("started")
    )


def test_a_stack_that_does_not_get_healthy_gets_its_former_images_back(
    docker: Docker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    docker.labels = {"landfast/nginx": "", "landfast/web": ""}
    answers(monkeypatch, LACKING, WELL)
    problems = ["the stack did not get healthy", ""]

    with pytest.raises(StackError, match=r"did not get healthy\n.*the former images run again"):
        updates.update(IMAGES, BASE, settings(tmp_path), lambda *_: None, lambda: problems.pop(0))

    assert compose.tag("sha256:landfast/nginx", "landfast/nginx") in docker.ran
    assert problems == []


def test_an_unreachable_mirror_is_told_before_anything_changes(
    docker: Docker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    docker.labels = {"landfast/nginx": ""}
    answers(monkeypatch, UpdatesError("the Debian mirror was not asked: no route"))

    with pytest.raises(StackError, match="no route; nothing was changed"):
        updates.update(
            IMAGES, BASE, settings(tmp_path), lambda *_: pytest.fail("built"), lambda: pytest.fail("started")
        )


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (LACKING, "landfast/nginx lacks 1 security updates: openssl 3.5.1-1 -> 3.5.4-1\n    next step: ./stack update"),
        (WELL, "the 1 images lack none of Debian's security updates"),
        (replace(WELL, unknown=("alpine",)), "alpine is no Debian image"),
        (
            UpdatesError("the Debian mirror was not asked: no route"),
            "unknown: the Debian mirror was not asked: no route",
        ),
    ],
)
def test_the_doctor_tells_what_the_running_images_lack(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    answer: Answer | UpdatesError,
    shown: str,
) -> None:
    running = [{"Config": {"Image": "landfast/nginx"}}]
    monkeypatch.setattr(process, "capture", lambda *_, **__: process.Output(0, json.dumps(running)))
    answers(monkeypatch, answer)

    doctor.explain_updates(settings(tmp_path))

    assert shown in capsys.readouterr().out


def test_the_step_that_updates_a_base_runs_again_for_another_index() -> None:
    command = compose.build_fresh_base(BASE, NEW, "2026-11-29T00:53:14Z", None)

    assert command[:4] == ["docker", "build", "--tag", NEW]
    assert "--build-arg=DEBIAN_INDEX=2026-11-29T00:53:14Z" in command
    assert f"--build-arg=NAME={NEW}" in command


@pytest.mark.parametrize(
    ("base", "problems", "pulled"),
    [
        ("debian:trixie-slim", {}, True),
        ("debian:trixie-slim", {"https://registry-1.docker.io/v2/": "no route"}, False),
        (base_image.LOCAL_IMAGE, {}, False),
    ],
)
def test_a_base_from_a_registry_that_answers_is_pulled_before_its_packages_are_updated(
    monkeypatch: pytest.MonkeyPatch, base: str, problems: dict[str, str], *, pulled: bool
) -> None:
    ran: list[Sequence[str]] = []

    def capture(command: Sequence[str], **_: object) -> process.Output:
        ran.append(command)
        return process.Output(int(command[:3] == ["docker", "image", "inspect"]))

    monkeypatch.setattr(process, "capture", capture)
    monkeypatch.setattr(network, "unreachable", lambda _: problems)

    name = base_image.freshen(base, "2026-11-29T00:53:14Z", None)

    assert ran[-1] == compose.build_fresh_base(base, name, "2026-11-29T00:53:14Z", None)
    assert (compose.pull(base) in ran) == pulled


def test_a_fresh_base_that_is_there_is_made_only_once(docker: Docker) -> None:
    assert base_image.freshen(BASE, "2026-11-29T00:53:14Z", None) == NEW
    assert docker.ran == [compose.image_exists(NEW)]
