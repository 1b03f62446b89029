"""A service's own tests are found by the service's name in the Compose files."""

from __future__ import annotations

import pytest

from cli import checks, main, services, suites
from cli.console import StackError


def all_steps() -> set[str]:
    return {step.name for step in suites.quick()}


@pytest.mark.parametrize(
    ("service", "own"),
    [
        ("web-django", ["tests-web-django", "types-web-django"]),
        ("migrate-web", ["tests-web-django", "types-web-django"]),
        ("web-mail", ["tests-web-django", "types-web-django"]),
        ("api-uploads", ["tests-api-flask", "types-api-flask"]),
        ("worker", ["tests-worker", "types-worker"]),
        ("beat", ["tests-worker", "types-worker"]),
        ("relay", ["tests-outbox", "types-outbox"]),
        ("flower", ["tests-flower", "types-flower"]),
        ("secrets", ["types-secrets"]),
    ],
)
def test_a_service_stands_for_its_own_tests_and_types(service: str, own: list[str]) -> None:
    assert services.as_steps([service], all_steps) == own


def test_options_paths_and_steps_stay_as_they_are_and_nothing_runs_twice() -> None:
    assert services.as_steps(["worker", "--yes", "beat", "ruff", "tests/cli"], all_steps) == [
        "tests-worker", "types-worker", "--yes", "ruff", "tests/cli",
    ]  # fmt: skip


def test_a_service_without_tests_of_its_own_says_where_it_is_tested() -> None:
    with pytest.raises(StackError, match="nginx has no tests of its own"):
        services.as_steps(["nginx"], all_steps)


def test_no_step_has_the_name_of_a_service() -> None:
    named = {step.name for step in [*suites.default(), *suites.everything_else()]}

    assert named & set(services.images()) == set()


def test_the_command_runs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def main_of_checks(arguments: list[str]) -> int:
        asked.append(arguments)
        return 0

    monkeypatch.setattr(checks, "main", main_of_checks)

    assert main.main(["test", "worker"]) == 0
    assert asked == [["tests-worker", "types-worker"]]
