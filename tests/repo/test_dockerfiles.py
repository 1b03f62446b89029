"""Rules for every Dockerfile, checked without a build."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.settings import ROOT

DOCKERFILES = sorted(
    path for folder in ("services", "images", "nginx", "console") for path in ROOT.glob(f"{folder}/**/Dockerfile")
)
HOUSE = [path for path in DOCKERFILES if (ROOT / "services") not in path.parents]

#: The files of the repository that a step sees, in addition to those copied before.
SOURCE = re.compile(r"type=bind,source=([^,\s]+)")


def instructions(dockerfile: Path) -> list[str]:
    """Return the instructions of a Dockerfile, each on one line."""
    lines = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return re.sub(r"\s*\\\n\s*", " ", lines).splitlines()


def user(dockerfile: str) -> str:
    """Return the user of the last stage: its own, or that of the stage it begins with; root if none is named."""
    users: dict[str, str] = {}
    last = "root"
    for stage in re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)[1:]:
        begins, _, name = stage.partition("\n")[0].partition(" AS ")
        named = re.findall(r"^USER (\S+)$", stage, re.MULTILINE)
        last = named[-1] if named else users.get(begins, "root")
        users[name] = last
    return last


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_its_last_stage_runs_as_a_numbered_user_that_is_not_root(dockerfile: Path) -> None:
    assert re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", user(dockerfile.read_text(encoding="utf-8")))


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_debian_s_packages_are_installed_anew_for_nothing_but_another_way_to_install_them(dockerfile: Path) -> None:
    """A step runs again when a file that it sees has changed; then the next deploy would restart PostgreSQL."""
    steps = [step for step in instructions(dockerfile) if step.startswith("RUN ") and "/build/apt-install" in step]

    for step in steps:
        assert SOURCE.findall(step) == ["images/base/apt-install"], step


@pytest.mark.parametrize("service", ["postgres", "redis", "rabbitmq"])
def test_an_image_that_keeps_data_consists_of_single_files_and_its_own(service: str) -> None:
    """With a folder or another service's file, unrelated changes would restart the service."""
    scripts = {"apt-install", "bin/json-lines", "bin/memory-limit", "bin/need-secrets", "bin/tcp-probe"}

    used = set()
    for step in instructions(ROOT / "images" / service / "Dockerfile"):
        used |= set(SOURCE.findall(step))
        if step.startswith("COPY ") and "--from=" not in step:
            used |= {word for word in step.split()[1:-1] if not word.startswith("--")}
    assert used
    assert all((ROOT / path).is_file() for path in used)
    foreign = {path for path in used if not path.startswith(f"images/{service}/")}
    assert {path.removeprefix("images/base/") for path in foreign} <= scripts


@pytest.mark.parametrize("dockerfile", HOUSE, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_image_of_the_house_holds_nothing_of_an_application(dockerfile: Path) -> None:
    assert [step for step in instructions(dockerfile) if "services/" in step] == []


def test_the_house_runs_images_of_its_own_alone() -> None:
    text = (ROOT / "compose.house.yaml").read_text(encoding="utf-8")
    recipes = set(re.findall(r"dockerfile: ([\w/.-]+)", text))
    images = set(re.findall(r"image: \S+/([\w-]+)$", text, re.MULTILINE))

    # Only on laptops: the inbox, and Apache where somebody chooses it.
    assert recipes == {f"{path.relative_to(ROOT)}" for path in HOUSE if path.parent.name not in {"mail", "apache"}}
    assert images == {Path(recipe).parent.name for recipe in recipes}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM debian\n", "root"),
        ("FROM debian AS first\nUSER 5\nFROM first\n", "5"),
        ("FROM debian AS first\nUSER 5\nFROM debian\n", "root"),
        ("FROM debian\nUSER 5\nRUN true\nUSER root\n", "root"),
    ],
)
def test_the_user_is_found_where_it_comes_from(text: str, expected: str) -> None:
    assert user(text) == expected
