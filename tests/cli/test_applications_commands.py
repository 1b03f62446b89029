"""Applications bring commands of their own: a file in the folder of each, and no name of one in the command itself."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from cli import command_files, commands, main, process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Bring = Callable[..., None]

MANAGE = {"service": "shop", "command": ["python", "manage.py"], "help": "run it", "writing": ["makemigrations"]}


def manage(**changed: object) -> dict[str, Any]:
    """Return a file with one command that differs from the right one."""
    return {"commands": {"manage": {**MANAGE, **changed}}}


@pytest.fixture
def bring(tmp_path: Path) -> Bring:
    """Return a function that lists an application whose folder has a file of commands."""
    listed = tmp_path / "compose.yaml"
    listed.write_text("include:\n  - path:\n", encoding="utf-8")

    def bring(name: str, content: str | dict[str, Any]) -> None:
        room = tmp_path / "services" / name
        room.mkdir(parents=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (room / command_files.FILE).write_text(text, encoding="utf-8")
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
        ('{"commands": {},}', "services/shop/commands.json is no JSON"),
        ({"command": {}}, "services/shop/commands.json has other keys than commands and debug"),
        ({"commands": ["manage"]}, "commands must have names"),
        (manage(servce="shop"), "commands.manage: nothing reads servce; keys are service, command, help, writes"),
        (manage(room="../.."), "commands.manage: nothing reads room"),
        ({"commands": {"manage": {"help": "run it"}}}, "commands.manage: service is missing"),
        (manage(command="ls -l"), r'commands.manage: command must be a list of words, such as \["ls", "-l"\]'),
        (manage(command=None), "commands.manage: command must be a list of words"),
        (manage(command=[]), "commands.manage: command must be a list of words"),
        (manage(command=["ls", 1]), "commands.manage: command must be a list of words"),
        (manage(service="--rm"), "commands.manage: service must be a service's name"),
        (manage(help=None), "commands.manage: help must be a text"),
        (manage(writes="no"), "commands.manage: writes must be true or false"),
        (manage(writing="startapp"), "commands.manage: writing must be a list of words"),
        ({"commands": {"up": MANAGE}}, "commands: up is a command of ./stack itself"),
        ({"commands": {"psql": MANAGE}}, "commands: psql is a command of ./stack itself"),
        ({"commands": {"--version": MANAGE}}, "commands: '--version' is no name for a command"),
        ({"debug": {"shop": {"command": "gunicorn"}}}, "debug.shop: command must be a list of words"),
        ({"debug": {"shop": {"command": ["a"], "variables": {"A": 1}}}}, "variables must be names, each with a text"),
        ({"debug": {"50%": {"command": ["a"]}}}, "debug: '50%' is no service's name"),
    ],
)
def test_a_wrong_file_is_named_with_its_mistake_and_brings_nothing(
    tmp_path: Path, bring: Bring, content: str | dict[str, Any], problem: str
) -> None:
    bring("shop", content)
    bring("blog", {"commands": {"blog": MANAGE}})

    (found,) = commands.problems(tmp_path)

    assert re.search(problem, str(found))
    assert set(commands.found(tmp_path)) == {"blog"}
    assert commands.debugged(tmp_path) == {}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line look for applications among those that a test brings."""
    for function in (commands.found, commands.debugged, commands.problems):
        monkeypatch.setattr(function, "__defaults__", (tmp_path,))


@pytest.mark.usefixtures("here")
def test_a_wrong_file_leaves_other_commands_alone_and_calling_its_own_says_why(
    bring: Bring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bring("shop", {"commands": {"manage": {**MANAGE, "command": None}}})
    bring("blog", {"commands": {"blog": MANAGE}})
    monkeypatch.setattr(process, "run", lambda _: 7)
    warning = "./stack: warning: services/shop/commands.json: commands.manage: command must be a list of words"

    for arguments in (["blog"], ["ps"]):
        assert main.main(arguments) == 7
        assert warning in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main.main(["manage"])

    said = capsys.readouterr().err
    assert warning in said
    assert "invalid choice: 'manage'" in said


@pytest.mark.usefixtures("here")
def test_a_command_that_two_have_asks_whose_is_meant(bring: Bring, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("shop", "blog"):
        bring(name, {"commands": {"manage": MANAGE}})

    assert main.main(["manage", "check"]) == 1
    said = capsys.readouterr().err
    assert "several applications have a command manage" in said
    assert "say whose: shop:manage or blog:manage" in said


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("text", ["50% off", "100%", "%s and %(prog)s"])
def test_help_is_shown_as_it_is_written(bring: Bring, capsys: pytest.CaptureFixture[str], text: str) -> None:
    bring("shop", manage(help=text))

    for arguments in (["--help"], ["manage", "--help"]):
        with pytest.raises(SystemExit):
            main.main(arguments)
        assert text in capsys.readouterr().out


@pytest.mark.usefixtures("here")
def test_each_command_of_the_stack_itself_is_taken(bring: Bring) -> None:
    bring("shop", {})
    (own,) = (action.choices for action in main.parser()._actions if isinstance(action.choices, dict))  # noqa: SLF001 - argparse has no other way to ask

    assert set(own) == command_files.TAKEN
