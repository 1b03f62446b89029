"""The instructions on every page work step by step: their commands, files and variables exist."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import yaml  # type: ignore[import-untyped] # Ansible brings it

from cli import applications, checks, completion, main, services, source, suites
from cli.console import StackError
from cli.shortcuts import SHORTCUTS, applications_own
from tests.support.pages import PAGES, Command, blocks, commands, is_shell, lines, spans
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ANSIBLE = ROOT / "ansible"
STEPS = [*suites.default(), *suites.everything_else()]
#: Code in running text is a command if it begins with one of these; other code is a name, a path or a value.
PROGRAMS = ("./stack", "docker", "ansible-playbook", "ansible-vault", "python3", "cp")
#: Programs from elsewhere in a page's blocks: readers know them, or the page explains them.
FOREIGN = {
    "$EDITOR", "apt-get", "cat", "certbot", "curl", "df", "django-admin", "git", "ip", "journalctl", "nft", "openssl",
    "python", "reserve", "rm", "source", "ssh-keygen", "ssh-keyscan", "systemctl", "test", "umask",
}  # fmt: skip
#: Pages that continue from the end of the tutorial link to it before their first block.
TUTORIAL = ROOT / "docs/tutorial/first-server.md"
#: Options of ``ansible-playbook``, from Ansible's documentation.
PLAYBOOK_OPTIONS = ("--inventory", "--extra-vars", "--limit", "--tags", "--skip-tags")
#: Settings of other programs, which keep their defaults here.
THEIRS = {"DATA_UPLOAD_MAX_MEMORY_SIZE"}
#: Names of the reader's own: an inventory, an application.
OWN = ("mine", "shop")
#: The output of test runs.
MADE = "tests/output/"
PATH = re.compile(
    r"(?:ansible|cli|docs|images|libs|nginx|rollout|services|tests|playbooks|roles|inventories)/[\w./-]*\w/?"
)
NAME = re.compile(r"[A-Za-z]\w*_\w*[A-Za-z0-9]")
UNIT = re.compile(r"landfast-[a-z-]+\.(?:service|path|timer)")


def read_all() -> tuple[set[str], set[str]]:
    """Return the words in all files except pages, and the names of these files."""
    files = [name for name in source.files() if not name.endswith((".md", ".webp", ".mo"))]
    texts = ((ROOT / name).read_text(encoding="utf-8", errors="replace") for name in files)
    return {word for text in texts for word in re.findall(r"\w+", text)}, set(files)


WORDS, FILES = read_all()


class Reader:
    """Follows a page: tracks the current folder, the files made so far, and the programs available so far.

    Args:
        follows: whether it runs the lines in sequence; a single line may depend on others.
    """

    def __init__(self, *, follows: bool) -> None:
        self.follows = follows
        self.folder = ROOT
        self.made: set[Path] = set()
        self.has_ansible = not follows
        self.has_password = not follows

    def arrive(self) -> None:
        """Set the state at the end of the tutorial."""
        self.folder, self.has_ansible, self.has_password = ANSIBLE, True, True
        self.made.add(ANSIBLE / "inventories/mine")

    def do(self, command: Command) -> None:
        """Check a command, and record its effects on later commands.

        Raises:
            AssertionError: the command is not possible, or something that it names does not exist.
        """
        for name in command.variables:
            assert name in WORDS, f"nothing reads {name}"
        program, *arguments = command.words or ("",)
        own: dict[str, Callable[[list[str]], None]] = {
            "./stack": stack, "docker": docker, "cd": self.enter, "cp": self.copy, "export": self.export,
            "ansible-playbook": self.play, "ansible-vault": self.vault, "python3": self.python, "": lambda _: None,
        }  # fmt: skip
        for argument in arguments:
            for unit in UNIT.findall(argument):
                assert any(unit in name for name in FILES) or unit.partition(".")[0].replace("-", "_") in WORDS, unit
        if program in own:
            own[program](arguments)
        elif program.startswith((".venv", "tests/")):
            assert program.startswith(".venv") or (ROOT / program).is_file(), f"there is no {program}"
            for option, file in pairwise(arguments):
                assert option != "-r" or (self.folder / file).is_file(), f"there is no {file}"
        else:
            assert program in FOREIGN, f"{program}: is it installed? FOREIGN in this test lists a reader's programs"

    def enter(self, arguments: list[str]) -> None:
        self.folder = self.folder / arguments[0]
        assert self.folder.is_dir(), f"there is no folder {arguments[0]}"

    def copy(self, arguments: list[str]) -> None:
        source, target = (argument for argument in arguments if not argument.startswith("-"))
        assert (self.folder / source).exists(), f"there is no {source}"
        self.made.add(self.folder / target)

    def export(self, arguments: list[str]) -> None:
        for name, _, value in (argument.partition("=") for argument in arguments):
            self.has_ansible = self.has_ansible or (name == "PATH" and ".venv/ansible/bin" in value)
            self.has_password = self.has_password or name == "ANSIBLE_VAULT_PASSWORD_FILE"

    def python(self, arguments: list[str]) -> None:
        if arguments[0] == "-m":
            assert arguments[1] == "venv" or arguments[1].partition(".")[0] in WORDS, arguments
        else:
            assert (ROOT / arguments[0]).exists(), f"there is no {arguments[0]}"

    def vault(self, arguments: list[str]) -> None:
        assert self.has_ansible, "ansible-vault: not found"
        assert arguments[0] in {"view", "edit"}

    def play(self, arguments: list[str]) -> None:
        assert self.has_ansible, "ansible-playbook: not found"
        assert self.has_password, "ansible-playbook: no password for the vault"
        parser = argparse.ArgumentParser(exit_on_error=False)
        for option in PLAYBOOK_OPTIONS:
            parser.add_argument(option, option.replace("--", "-", 1)[:2], action="append", default=[])
        parser.add_argument("--check", action="store_true")
        parser.add_argument("playbook")
        given = parser.parse_args(arguments)
        for inventory in given.inventory:
            path = self.folder / inventory
            assert path in self.made or not self.follows or path.exists(), f"there is no {inventory}"
        names = {self.folder / given.playbook, ANSIBLE / given.playbook, ANSIBLE / "playbooks" / given.playbook}
        assert "…" in given.playbook or any(path.is_file() for path in names), f"there is no {given.playbook}"
        for text in given.extra_vars:
            for name in yaml.safe_load(text) if text.startswith("{") else [text.partition("=")[0]]:
                assert name in WORDS, f"nothing reads {name}"


def stack(arguments: list[str]) -> None:
    """Check that ``./stack`` accepts the arguments."""
    if not arguments or arguments == ["--version"]:
        return
    if arguments[0] in {**SHORTCUTS, **applications_own()}:
        assert main.hand_on(arguments), f"./stack {arguments[0]} wants more"
        assert arguments[0] != "shell" or arguments[1] in services.images(), f"there is no service {arguments[1]}"
        return
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = main.parser(checks.parser()).parse_args(arguments)
    except SystemExit:
        raise AssertionError(said.getvalue()) from None
    if arguments[0] == "test":
        try:
            checks.choose(services.as_steps(options.names, lambda: {step.name for step in STEPS}), STEPS)
        except StackError as error:
            raise AssertionError(str(error)) from None
    elif arguments[0] == "secret":
        assert options.name in completion.secrets(), f"there is no secret {options.name}"
    elif arguments[0] == "logs":
        assert set(options.service) <= set(services.images())


def docker(arguments: list[str]) -> None:
    """Check that the services, files and profiles of a command exist."""
    if arguments[0] != "compose":
        return
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("-f")
    parser.add_argument("--profile")
    parser.add_argument("verb")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments[1:])
    assert not given.f or (ROOT / given.f).is_file(), f"there is no {given.f}"
    compose = "".join(path.read_text(encoding="utf-8") for path in applications.files())
    assert not given.profile or f"profiles: [{given.profile}]" in compose, f"there is no profile {given.profile}"
    if given.verb in {"exec", "run"}:
        service = next(word for word in given.rest if not word.startswith("-"))
        assert service in {*services.images(), *OWN}, f"there is no service {service}"


def followed(page: Path) -> Iterator[tuple[Reader, Command]]:
    """Yield the commands of a page's blocks, with a reader who follows them from the first to the last."""
    reader = Reader(follows=True)
    if page.parent != TUTORIAL.parent and TUTORIAL.name in re.split(r"\n {4,}\S", page.read_text(encoding="utf-8"))[0]:
        reader.arrive()
    elif page != TUTORIAL and TUTORIAL.name in page.read_text(encoding="utf-8").partition("\n    cd ansible")[0]:
        reader.arrive()  # it leads there on its way
        reader.folder = ROOT
    for block in filter(is_shell, blocks(page)):
        for line in lines(block):
            for command in commands(line):
                yield reader, command


pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pages
def test_who_pastes_its_blocks_one_after_the_other_gets_on(page: Path) -> None:
    for reader, command in followed(page):
        try:
            reader.do(command)
        except (AssertionError, argparse.ArgumentError) as error:
            pytest.fail(f"{command.line}\n{error}")


@pages
def test_a_shell_can_read_its_blocks(page: Path) -> None:
    for block in filter(is_shell, blocks(page)):
        checked = subprocess.run(
            ["bash", "-n"], input="\n".join(lines(block)), capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, f"{block}\n{checked.stderr}"


@pages
def test_the_commands_in_its_lines_are_there(page: Path) -> None:
    for span in spans(page):
        playbook = re.match(r"[a-z-]+\.yml( |$)", span)
        if playbook and (ANSIBLE / "playbooks" / span.split()[0]).exists():
            span = f"ansible-playbook {span}"  # noqa: PLW2901 - the heading of deploy.md's table has the program
        if span.startswith(tuple(f"{program} " for program in PROGRAMS)):
            try:
                for command in commands(lines(span)[0]):
                    Reader(follows=False).do(command)
            except (AssertionError, argparse.ArgumentError) as error:
                pytest.fail(f"{span}\n{error}")


@pages
def test_the_files_and_variables_in_its_lines_are_there(page: Path) -> None:
    folders = [ROOT, page.parent, ANSIBLE, *(ROOT / "services").iterdir()]
    for span in spans(page):
        if PATH.fullmatch(span) and not any(name in span for name in OWN) and not span.startswith(MADE):
            assert any((folder / span).exists() for folder in folders), f"there is no {span}"
        if NAME.fullmatch(span):
            assert span in WORDS | THEIRS, f"nothing has {span}"


@pages
def test_the_variables_in_its_yaml_are_read(page: Path) -> None:
    for block in blocks(page):
        if not is_shell(block) and re.match(r"[a-z_]+:( |$)", lines(block)[0]) and "…" not in block:
            found = yaml.safe_load(block)
            nested = [name for value in found.values() if isinstance(value, dict) for name in value]
            assert {*found, *nested} <= WORDS
