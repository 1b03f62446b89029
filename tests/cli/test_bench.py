"""``./stack bench``: which options go together."""

from __future__ import annotations

import pytest

from cli import bench, checks, completion, main
from cli.console import StackError


def test_without_a_kind_all_are_measured() -> None:
    assert bench.parser().parse_args([]).kinds == "all"
    assert bench.parser().parse_args(["edge", "wsgi"]).kinds == ["edge", "wsgi"]


@pytest.mark.parametrize("arguments", [["nginx"], ["--rounds", "0"], ["--seconds", "1.5"], ["--seed", "x"]])
def test_a_wrong_word_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.parser().parse_args(arguments)

    assert arguments[-1] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["wsgi", "--service", "mine"], "--service and --application go together"),
        (["--service", "mine", "--application", "mine.wsgi"], "--service is for the WSGI servers"),
        (["edge", "--service", "mine", "--application", "mine.wsgi"], "--service is for the WSGI servers"),
    ],
)
def test_options_of_an_application_go_together(arguments: list[str], problem: str) -> None:
    with pytest.raises(StackError, match=problem):
        bench.main(arguments)


def test_the_shell_completes_kinds_and_options() -> None:
    parser = main.parser(checks.parser())

    assert completion.words(["bench", "ed"], parser) == ["edge"]
    assert "--long" in completion.words(["bench", "--"], parser)
