"""Applications bring commands of their own: a file in the folder of each, and no name of one in the command itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cli import commands
from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Bring = Callable[..., None]

MANAGE = {"service": "shop", "command": ["python", "manage.py"], "help": "run it", "writing": ["makemigrations"]}


@pytest.fixture
def bring(tmp_path: Path) -> Bring:
    """Return a function that lists an application whose folder has a file of commands."""
    listed = tmp_path / "compose.yaml"
    listed.write_text("include:\n  - path:\n", encoding="utf-8")

    def bring(name: str, content: str | dict[str, Any]) -> None:
        room = tmp_path / "services" / name
        room.mkdir(parents=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (room / commands.FILE).write_text(text, encoding="utf-8")
        with listed.open("a", encoding="utf-8") as lines:
            lines.write(f"      - services/{name}/compose.yaml\n")

    return bring


def test_a_command_is_called_by_its_name(tmp_path: Path, bring: Bring) -> None:
    bring("shop", {"commands": {"manage": MANAGE}})

    (name, command), *others = commands.found(tmp_path).items()

    assert (name, command.room, command.service, others) == ("manage", "shop", "shop", [])
    assert command.may_write(["makemigrations", "shop"])
    assert not command.may_write(["migrate"])


def test_a_command_that_two_have_is_called_by_the_application_s_name_too(tmp_path: Path, bring: Bring) -> None:
    for name in ("shop", "blog"):
        bring(name, {"commands": {"manage": MANAGE}})

    assert set(commands.found(tmp_path)) == {"shop:manage", "blog:manage"}


def test_a_service_that_can_be_debugged_says_how(tmp_path: Path, bring: Bring) -> None:
    bring("shop", {"debug": {"shop": {"command": ["gunicorn"], "variables": {"WEB_WORKERS": "1"}}}})

    assert commands.debugged(tmp_path)["shop"].variables == {"WEB_WORKERS": "1"}
    assert commands.found(tmp_path) == {}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"commands": ', "services/shop/commands.json is no JSON"),
        ({"command": {}}, "services/shop/commands.json has other keys than commands and debug"),
        ({"commands": ["manage"]}, "commands must have names"),
        ({"commands": {"manage": {**MANAGE, "servce": "shop"}}}, "commands.manage: got an unexpected keyword argument"),
        ({"commands": {"manage": {"help": "run it"}}}, "commands.manage: missing 2 required positional arguments"),
    ],
)
def test_a_wrong_file_is_named_with_its_mistake(
    tmp_path: Path, bring: Bring, content: str | dict[str, Any], problem: str
) -> None:
    bring("shop", content)

    with pytest.raises(StackError, match=problem):
        commands.found(tmp_path)
