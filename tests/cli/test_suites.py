"""The steps of a run, by tier and by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import checks, devenv, machine, prepare, source, suites
from cli.checks import Options
from cli.console import StackError
from cli.steps import CHECKS, ROOT, Step
from tests.chaos.faults import FAULTS
from tests.support.forms import ORDER

AVAILABLE = [*suites.default(), *suites.everything_else()]
STEPS = {step.name: step for step in AVAILABLE}


def chosen(*names: str) -> dict[str, Step]:
    return {step.name: step for step in checks.choose(names, AVAILABLE)}


def test_every_step_has_a_name_of_its_own() -> None:
    assert len(STEPS) == len(AVAILABLE)


def test_a_quick_run_leaves_slow_tests_out_and_measures_no_coverage() -> None:
    quick = {step.name: step for step in suites.quick()}
    assert {step.selection for step in quick.values() if step.targets} == {("-m", "not slow")}
    assert not [name for name, step in quick.items() if step.then or "coverage" in step.command]
    assert {STEPS[name].selection for name in quick} == {()}


def test_a_linter_runs_again_after_a_change_of_its_settings_or_of_a_file_that_it_reads() -> None:
    read = {"yamllint": (".yamllint.yaml", "compose.yaml"), "hadolint": (".hadolint.yaml", "nginx/Dockerfile")}
    read |= {"shellcheck": (".shellcheckrc", ".ci/run"), "ansible-lint": (".ansible-lint", "ansible/ansible.cfg")}
    for name, files in read.items():
        assert set(files) <= set(source.files(*(str(path.relative_to(ROOT)) for path in STEPS[name].inputs))), name


def test_a_quick_run_needs_no_docker() -> None:
    assert not [step.name for step in suites.quick() if step.docker]
    assert {step.lane for step in suites.quick()} == {CHECKS}


def test_the_usual_run_has_all_of_the_quick_one() -> None:
    assert {step.name for step in suites.quick()} < {step.name for step in suites.default()}


def test_every_test_that_crosses_services_belongs_to_a_step() -> None:
    targets = [Path(target) for step in AVAILABLE for target in step.targets]
    beside = (path for folder in ("services", "images") for path in ROOT.glob(f"{folder}/*/tests/**/test_*.py"))
    files = {*ROOT.glob("tests/*/test_*.py"), *beside}
    assert {file for file in files if not any(checks.within(file, target) for target in targets)} == set()


def test_it_measures_a_service_s_own_tests_and_nobody_else_s() -> None:
    web = STEPS["tests-web-django"]
    assert "coverage run" in " ".join(web.command)
    assert "coverage report" in " ".join(web.then)
    rooms = {path.parent.name for path in (ROOT / "services").glob("*/tests")}
    assert {name for name, step in STEPS.items() if step.then} == {f"tests-{room}" for room in {*rooms, "console"}}


def test_it_does_not_hold_some_of_the_tests_to_what_all_of_them_run() -> None:
    path = str(ROOT / "services/worker/tests/test_tasks.py")
    [step] = chosen(path).values()

    assert (step.name, step.targets, step.then) == ("tests-worker", (path,), ())


def test_a_test_that_is_named_runs_though_the_usual_run_leaves_it_out() -> None:
    path = f"{ROOT}/tests/chaos/test_faults.py::test_it_doubles_nothing_later_either"
    [step] = chosen(path).values()

    assert (step.name, step.targets, step.selection, step.whole) == ("stack-laptop", (path,), (), {})


def test_the_beginning_of_a_name_calls_all_steps_that_have_it() -> None:
    assert set(chosen("chaos")) == set(suites.CHAOS)


def test_a_folder_calls_all_steps_whose_tests_lie_in_it() -> None:
    found = chosen(str(ROOT / "tests/deploy"))
    assert set(found) == {
        "inventory",
        "server",
        "debian-12",
        "tutorial",
        "applications",
        "single-host",
        "backups",
        "host-marks",
        "certificates",
        "cluster",
    }
    assert found["server"].selection == STEPS["server"].selection


def test_a_folder_that_is_a_part_of_a_step_runs_once() -> None:
    [step] = chosen(str(ROOT / "tests/stack")).values()
    assert (step.name, step.selection) == ("stack-laptop", ())


@pytest.mark.parametrize("name", ["frobnicate", "tests/no/such/test.py", "chao"])
def test_it_names_the_steps_there_are_to_who_names_another(name: str) -> None:
    with pytest.raises(StackError, match=f"{name}.*neither a path of tests nor a step(.|\n)*tests-web-django"):
        chosen(name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(quick=False, all=False, resume=True, yes=False, names=[]), "--resume goes with --all"),
        (Options(quick=True, all=False, resume=False, yes=False, names=["ruff"]), "choose by themselves"),
    ],
)
def test_it_refuses_options_that_do_not_fit(options: Options, words: str) -> None:
    with pytest.raises(StackError, match=words):
        checks.check(options)


def test_a_wrong_name_is_told_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "Lanes", None)
    monkeypatch.setattr(prepare, "prepare", None)
    monkeypatch.setattr(devenv, "provide_programs", None)
    with pytest.raises(StackError, match="frobnicate"):
        checks.main(["frobnicate"])


def test_each_form_of_the_stack_belongs_to_one_step_of_the_usual_run() -> None:
    forms = [name for step in suites.default() for name in step.whole.get("STACK_FORMS", "").split(",") if name]
    assert forms == [form.name for form in ORDER]


def test_with_little_memory_the_server_waits_for_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Options(quick=False, all=False, resume=False, yes=False, names=[])
    heavy = {"stack-laptop", "stack-shipped", "server"}
    monkeypatch.setattr(machine, "available_memory", lambda: 4 << 30)
    [steps] = checks.planned(usual)
    assert {step.lane for step in steps if step.name in heavy} == {"stack"}
    monkeypatch.setattr(machine, "available_memory", lambda: 16 << 30)
    [steps] = checks.planned(usual)
    assert {step.lane for step in steps if step.name in heavy} == {"stack", "images", "server"}


def test_the_long_form_has_every_fault_once() -> None:
    listed = [fault for faults, _ in suites.CHAOS.values() for fault in faults]
    assert sorted(listed) == sorted([*(fault.name for fault in FAULTS), "ten-random"])
