"""The page for newcomers is as short as it says."""

from __future__ import annotations

from tests.support.django_project import TASK
from tests.support.pages import blocks, commands, is_shell, lines
from tests.support.stack import ROOT

PAGE = ROOT / "docs/tutorial/first-application.md"


def test_it_takes_ten_commands() -> None:
    shell = [block for block in blocks(PAGE) if is_shell(block)]
    found = [command.words for block in shell for line in lines(block) for command in commands(line)]

    assert len(found) == 10, found


def test_its_task_is_the_one_that_projects_of_the_tests_have() -> None:
    assert f"<<'END'\n{TASK}END" in blocks(PAGE)[0]
