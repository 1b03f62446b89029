"""Security updates of images: the question to the Debian mirror, and the release with newer packages."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rollout import change, fresh_packages, host, status, updates
from rollout.errors import RolloutError
from rollout.updates import Answer, UpdatesError
from tests.servers.memory import Swarm, apply, image, options, plan
from tests.servers.test_status import Cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rollout.records import Records

OPENSSL = "openssl 3.5.1-1 -> 3.5.4-1~deb13u1"
ANSWERED = """\
index Sun, 29 Nov 2026 00:53:14 UTC
image 0
Listing...
image 1
Listing...
libssl3t64/stable-security 3.5.4-1~deb13u1 amd64 [upgradable from: 3.5.1-1]
openssl/stable-security,now 3.5.4-1~deb13u1 amd64 [upgradable from: 3.5.1-1]
"""
TRIXIE = "trixie 2026-11-01T08:00:00Z\nPackage: openssl\nVersion: 3.5.1-1\n"


class Docker:
    """Answers for two Debian images and one of another system.

    Args:
        answers: the mirror's exit status, output and errors.
    """

    def __init__(self, answers: tuple[int, str, str] = (0, ANSWERED, "")) -> None:
        self.answers = answers
        self.given: dict[str, list[str]] = {}

    def __call__(self, command: Sequence[str], given: bytes) -> tuple[int, str, str]:
        name = command[-3]
        if command[-1] == updates.LOOK:
            assert "--network=none" in command
            return {
                "alpine": (1, "", ""),
                "gone": (125, "", "docker: no such image: gone.\nRun 'docker run --help'"),
            }.get(name, (0, TRIXIE, ""))
        with tarfile.open(fileobj=io.BytesIO(given)) as packed:
            contents = [packed.extractfile(entry) for entry in packed]
            self.given[name] = [file.read().decode() for file in contents if file]
        return self.answers


def test_it_counts_the_updates_of_each_image_and_tells_how_old_its_packages_are() -> None:
    docker = Docker()
    answer = updates.ask(["web", "nginx", "alpine"], execute=docker)

    assert answer.lacking == {
        "nginx": (),
        "web": ("libssl3t64 3.5.1-1 -> 3.5.4-1~deb13u1", OPENSSL),
    }
    assert answer.outdated == ["web"]
    assert answer.index == "2026-11-29T00:53:14Z"
    assert answer.dates == {"nginx": "2026-11-01T08:00:00Z", "web": "2026-11-01T08:00:00Z"}
    assert answer.unknown == ("alpine",), "it is named, not left out"
    assert docker.given == {"nginx": ["Package: openssl\nVersion: 3.5.1-1\n"] * 2}, "one container asks for all"


def test_the_container_in_the_machines_network_is_one_of_the_house_if_there_is_one() -> None:
    shop, nginx = "127.0.0.1:5000/landfast/shop:one@sha256:1", "127.0.0.1:5000/landfast/nginx:one@sha256:2"

    assert updates.asker([shop, "landfast/nginx-like", nginx]) == nginx
    assert updates.asker(["landfast/api", "landfast/redis"]) == "landfast/redis"
    assert updates.asker([shop]) == shop
    for command in (updates.look_command(shop), updates.ask_command(shop)):
        assert {"--cap-drop=ALL", "--read-only", "--security-opt=no-new-privileges"} <= set(command)


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        (
            "E: Failed to fetch http://mirror.test/InRelease  Could not resolve\nE: Some index files failed\n",
            "mirror.test",
        ),
        ("E: the base image's apt sources have no suite of security updates\n", "no suite of security updates"),
        ("", "no reason given"),
    ],
)
def test_a_mirror_that_does_not_answer_is_an_error_and_no_answer(errors: str, said: str) -> None:
    with pytest.raises(UpdatesError, match=said):
        updates.ask(["web"], execute=Docker((100, "", errors)))


def test_a_missing_image_is_named() -> None:
    with pytest.raises(UpdatesError, match="gone: docker: no such image"):
        updates.ask(["gone"], execute=Docker())


class Builder(Swarm):
    """A manager that builds and sends images."""

    def run(self, *arguments: str, given: str | None = None) -> str:
        self.calls.append(" ".join(arguments[:2]))
        if arguments[:2] == ("image", "inspect") and "User" in arguments[2]:
            return "10001\n"
        if arguments[0] == "build":
            self.recipe = given or ""
        if "RepoDigests" in arguments[2 if len(arguments) > 2 else 0]:
            return json.dumps([f"{arguments[-1].rpartition(':')[0]}@sha256:fresh", "other@sha256:foreign"])
        return ""


def outdated(*names: str, index: str = "2026-11-29T00:53:14Z") -> Any:  # noqa: ANN401 - a function
    def ask(images: set[str], _: str) -> Answer:
        lacking = {each: (OPENSSL,) if fresh_packages.short(each) in names else () for each in images}
        return Answer(index, lacking, dict.fromkeys(images, "2026-11-01T08:00:00Z"))

    return ask


@pytest.fixture
def kept(kept: Records) -> Records:
    """Return the records of a running release."""
    apply(Swarm(), kept, plan("one"))
    return kept


def test_only_images_that_lack_updates_are_built_and_the_release_is_named_by_the_packages(kept: Records) -> None:
    docker = Builder()
    file = fresh_packages.renew(docker, kept, lambda _: None, outdated("web"))  # type: ignore[arg-type]

    made = kept.plan(file)
    assert made["release"] == "one-debian20261129T005314"
    assert made["stack"]["services"]["db"]["image"] == image("db", "one")
    fresh = "127.0.0.1:5000/landfast/web:one-debian20261129T005314@sha256:fresh"
    assert made["stack"]["services"]["web"]["image"] == fresh
    assert made["jobs"]["migrate"]["services"]["migrate"]["image"] == fresh
    assert docker.calls.count("build --quiet") == docker.calls.count("push --quiet") == 1
    lines = docker.recipe.splitlines()
    assert lines[0] == f"FROM {image('web', 'one')}"
    assert lines[-1] == "USER 10001", "its containers do not become root's"
    assert "apt-get" in docker.recipe


def test_nothing_is_built_if_nothing_is_lacking(kept: Records) -> None:
    docker = Builder()

    assert fresh_packages.renew(docker, kept, lambda _: None, outdated()) == ""  # type: ignore[arg-type]
    assert docker.calls == []


def test_a_rollback_finds_the_images_of_before_the_update(kept: Records) -> None:
    swarm = Builder()
    file = fresh_packages.renew(swarm, kept, lambda _: None, outdated("web"))  # type: ignore[arg-type]
    apply(swarm, kept, kept.plan(file), file, what="update", jobs=False)
    assert swarm.running["web"].endswith("@sha256:fresh")

    before = kept.find()

    assert before.release == "one"
    assert kept.plan(before.file)["stack"]["services"]["web"]["image"] == image("web", "one")
    assert image("web", "one").partition(":one@")[0] + "@sha256:one" in kept.images(3), "hosts keep it"


def test_a_second_update_takes_the_place_of_the_first_in_the_name(kept: Records) -> None:
    first = fresh_packages.renew(Builder(), kept, lambda _: None, outdated("web"))  # type: ignore[arg-type]
    apply(Swarm(), kept, kept.plan(first), first, what="update", jobs=False)
    later = outdated("web", index="2026-12-06T01:00:00Z")

    second = kept.plan(fresh_packages.renew(Builder(), kept, lambda _: None, later))  # type: ignore[arg-type]

    assert second["release"] == "one-debian20261206T010000"
    with pytest.raises(RolloutError, match="still lacks updates"):
        fresh_packages.renew(Builder(), kept, lambda _: None, outdated("web"))  # type: ignore[arg-type]


def test_an_update_never_takes_the_place_of_a_release_that_was_deployed_meanwhile(kept: Records) -> None:
    file = fresh_packages.renew(Builder(), kept, lambda _: None, outdated("web"))  # type: ignore[arg-type]
    apply(Swarm(), kept, plan("two"))

    with pytest.raises(RolloutError, match="two was deployed while the update was built"):
        change.check_unchanged(options(file, what="update"), kept.plan(file), kept)

    change.check_unchanged(options(file, what="rollback"), kept.plan(file), kept)


@pytest.mark.parametrize(("status", "done"), [(0, True), (1, False)])
def test_a_timer_rolls_out_in_a_unit_that_survives_it_and_tells_whether_that_succeeded(
    kept: Records, monkeypatch: pytest.MonkeyPatch, status: int, *, done: bool
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, status)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(fresh_packages, "renew", lambda *_: "plan-one.json")
    monkeypatch.setattr(fresh_packages, "look", lambda *_: None)
    defaults = {"who": "timer", "smoke": {"host": "site.test", "checks": []}}

    assert fresh_packages.update(Builder(), kept, defaults, lambda _: None) == done  # type: ignore[arg-type]

    (command,) = ran
    assert command[:4] == ["systemd-run", "--quiet", "--collect", "--wait"]
    assert command[-2] == "apply"
    given = json.loads(Path(command[-1]).read_text(encoding="utf-8"))
    assert given == {**defaults, "what": "update", "plan": "plan-one.json", "jobs": False, "secrets": {}}
    assert any(each.startswith("--property=ExecStopPost=") and " recover " in each for each in command)


def test_a_timer_does_nothing_if_nothing_is_lacking(kept: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("rolled out"))
    monkeypatch.setattr(fresh_packages, "renew", lambda *_: "")

    assert fresh_packages.update(Builder(), kept, {}, lambda _: None)  # type: ignore[arg-type]


def test_the_status_tells_what_is_lacking_and_the_host_reports_it(kept: Records) -> None:
    assert "the mirror was not asked yet" in status.describe(Cluster(), kept)  # type: ignore[arg-type]
    fresh_packages.look(kept, outdated("web", "db"))

    shown = "\n".join(fresh_packages.describe(kept))

    assert "Debian packages of 2026-11-01T08:00:00Z; Debian's index of 2026-11-29T00:53:14Z" in shown
    assert f"web lacks 1 security updates: {OPENSSL}" in shown
    lacking = host.lacking(kept.folder / fresh_packages.FILE)
    assert lacking == {"web": [OPENSSL], "db": [OPENSSL]}


def test_the_status_tells_that_the_mirror_did_not_answer_and_what_it_said_last(kept: Records) -> None:
    def silent(_images: set[str], _certificates: str) -> Answer:
        raise UpdatesError("the Debian mirror was not asked: Could not resolve mirror.test")

    fresh_packages.look(kept, outdated("web"))
    with pytest.raises(RolloutError, match=r"mirror\.test"):
        fresh_packages.look(kept, silent)

    shown = "\n".join(fresh_packages.describe(kept))
    assert "web lacks 1 security updates" in shown
    assert "not known since: the Debian mirror was not asked: Could not resolve mirror.test" in shown


def test_the_names_of_secrets_are_those_of_the_running_release() -> None:
    release = plan("one")
    release["stack"]["secrets"] = {"key": {"name": "site_key_1", "external": True}}
    release["jobs"]["migrate"]["secrets"] = {"own": {"name": "site_own_2", "external": True}}

    assert fresh_packages.secret_names(release) == {"key": "site_key_1", "own": "site_own_2"}
