"""``./stack test``: every check of this repository, the same ones on a laptop and in CI.

Linters, types and unit tests need no Docker (``--quick`` stops there); the tests of the running stack follow, and the
chaos suite and the servers in their short forms.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cli import devenv, steps
from cli.console import StackError
from cli.steps import ROOT, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cli.devenv import Environment

#: What tools remember between runs. It must not lie in the folders that images are built from.
TOOL_CACHE = ROOT / ".cache"
#: What runs on the servers' managers.
ROLLOUT = ROOT / "ansible" / "roles" / "release" / "files"
MYPY = ("mypy", "--strict", "--no-error-summary", "--explicit-package-bases")


def main(arguments: Sequence[str]) -> int:
    """Run the checks that ``arguments`` ask for and return the exit status.

    Args:
        arguments: what follows ``./stack test``: ``--quick``, names of steps, paths of tests.
    """
    parser = argparse.ArgumentParser(prog="./stack test", description="Check everything, or what is named.")
    parser.add_argument("--quick", action="store_true", help="linters, types and unit tests: no Docker, under a minute")
    parser.add_argument("names", nargs="*", metavar="PATH/NAME", help="a path of tests, or the name of a step")
    options = parser.parse_args(list(arguments))
    host, services = devenv.host(), devenv.services()
    wanted = [*unit_tests(host, services), *types(host, services), *lint(host)]  # the longest first: no core waits
    if not options.quick:
        short = not options.names
        wanted += [*generated_tests(services), *stack_tests(host)]
        wanted += [*chaos_tests(host, short=short), *deploy_tests(host, short=short)]
    if options.names:
        wanted = choose(options.names, wanted)
    devenv.provide_programs({program: package for step in wanted for program, package in step.programs.items()})
    outcomes = steps.run([step for step in wanted if not step.live], at_once=os.cpu_count() or 1)
    outcomes += steps.run([step for step in wanted if step.live], at_once=1)
    passed, failed = sum(outcome.passed for outcome in outcomes), sum(outcome.failed for outcome in outcomes)
    for outcome in outcomes:
        if outcome.failed:
            print(outcome.line)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def lint(host: Environment) -> list[Step]:
    """Return the linters: Python, YAML, Ansible, Dockerfiles and shell scripts."""
    path = {"PATH": f"{host.python.parent}{os.pathsep}{os.environ['PATH']}"}
    ansible_lint = host.tool("ansible-lint", "--offline", "--nocolor", "-q", f"--config-file={ROOT / '.ansible-lint'}")
    ruff_cache = {"RUFF_CACHE_DIR": str(TOOL_CACHE / "ruff")}
    return [
        Step("ruff", host.tool("ruff", "check", "--quiet", "--output-format=concise"), variables=ruff_cache),
        Step("format", host.tool("ruff", "format", "--check", "--quiet"), variables=ruff_cache),
        Step("yamllint", host.tool("yamllint", "--strict", ".")),
        Step("ansible-lint", ansible_lint, ROOT / "ansible", path),
        Step("hadolint", host.tool("hadolint", *files(ending="Dockerfile"))),
        Step("shellcheck", host.tool("shellcheck", *files(beginning=r"#!.*\b(ba|da)?sh\b"))),
    ]


def types(host: Environment, services: Environment) -> list[Step]:
    """Return the type checks: one for each folder that holds Python of its own world."""
    found = [
        mypy("cli", host, ROOT, ("--python-version", "3.10", "cli", "stack"), ROOT),
        mypy("tests", host, ROOT, ("--exclude=/app/", "tests"), ROOT, ROLLOUT),
        mypy("rollout", host, ROLLOUT, ("--python-version", "3.10", "rollout"), ROLLOUT),
    ]
    for folder in sorted((ROOT / "tests").glob("**/app")):  # code that tests let the services run
        name = "-".join(folder.relative_to(ROOT).parts)
        worker = ROOT / "services/worker"
        arguments = (f"--config-file={worker / 'mypy.ini'}", ".")
        found.append(mypy(name, services, folder, arguments, folder, *import_paths(worker)))
    folders = [*python_folders(), *sorted({path.parent for path in (ROOT / "images").glob("*/*.py")})]
    found += [mypy(folder.name, services, folder, (".",), *import_paths(folder)) for folder in folders]
    return found


def mypy(name: str, environment: Environment, directory: Path, arguments: tuple[str, ...], *paths: Path) -> Step:
    """Return one run of mypy in ``directory``, with ``paths`` to import from."""
    cache = ("--cache-dir", str(TOOL_CACHE / "mypy" / name))
    variables = {"MYPYPATH": join(paths), "PYTHONPATH": join(paths)}
    return Step(f"types-{name}", environment.module(*MYPY, *cache, *arguments), directory, variables)


def unit_tests(host: Environment, services: Environment) -> list[Step]:
    """Return the tests that need no running stack."""
    found = [pytest(f"tests-{name}", host, ROOT, ROOT / "tests" / name) for name in ("cli", "repo", "servers")]
    for folder in python_folders():
        generated = folder / "tests/generated"
        step = pytest(f"tests-{folder.name}", services, folder, folder / "tests", but=generated)
        step = replace(step, variables={"PYTHONPATH": join(import_paths(folder))})
        found.append(covered(step, services) if folder.parent.name == "services" else step)
    return found


def covered(step: Step, environment: Environment) -> Step:
    """Return the step with a measurement of what its tests run; too little of it fails (``pyproject.toml``)."""
    options = (f"--rcfile={ROOT / 'pyproject.toml'}", f"--data-file={TOOL_CACHE / 'coverage' / step.name}")
    before = environment.module("coverage", "run", *options)
    tests = step.command[len(environment.module("pytest")) - 1 :]
    command = (*before, "-m", *tests)
    return replace(step, command=command, then=environment.module("coverage", "report", *options))


def generated_tests(services: Environment) -> list[Step]:
    """Return the tests that try thousands of generated cases: they take minutes, so a quick run leaves them out."""
    found = []
    for folder in sorted(ROOT.glob("services/*/tests/generated")):
        service = folder.parent.parent
        step = pytest(f"generated-{service.name}", services, service, folder)
        found.append(replace(step, variables={"PYTHONPATH": join(import_paths(service))}))
    return found


def stack_tests(host: Environment) -> list[Step]:
    """Return the tests of the running stack, browser included: one pytest, so that one stack serves them all."""
    step = pytest("stack", host, ROOT, ROOT / "tests/stack", ROOT / "tests/browser")
    return [replace(step, live=True, command=(*step.command, "--verbose"))]


def deploy_tests(host: Environment, *, short: bool) -> list[Step]:
    """Return the tests that put the stack on bare machines.

    Args:
        host: drives Docker and Ansible.
        short: what takes a quarter of an hour, for a run of everything; who names the suite gets all of it.
    """
    step = pytest("deploy", host, ROOT, ROOT / "tests/deploy")
    command = (*step.command, "--verbose", "--capture=no", *(("-m", "not long") if short else ()))
    return [replace(step, live=True, command=command, programs={"ssh": "openssh-client", "openssl": "openssl"})]


def chaos_tests(host: Environment, *, short: bool) -> list[Step]:
    """Return the chaos suite.

    Args:
        host: drives Docker.
        short: a few faults with fewer tasks, for a run of everything; who names the suite gets all of it.
    """
    step = pytest("chaos", host, ROOT, ROOT / "tests/chaos")
    variables = {"CHAOS_FORM": "short"} if short else {}
    return [replace(step, live=True, command=(*step.command, "--verbose", "--capture=no"), variables=variables)]


def pytest(name: str, environment: Environment, directory: Path, *folders: Path, but: Path | None = None) -> Step:
    """Return one run of pytest over ``folders``, leaving out what lies in ``but``."""
    options = ("-o", f"cache_dir={TOOL_CACHE / 'pytest' / name}", *(("--ignore", str(but)) if but else ()))
    return Step(name, environment.module("pytest", *options), directory, targets=tuple(map(str, folders)))


def python_folders() -> list[Path]:
    """Return the folders of shared libraries and of services that hold Python."""
    return sorted(path.parent for parent in ("libs", "services") for path in (ROOT / parent).glob("*/tests"))


def import_paths(folder: Path) -> list[Path]:
    """Return what is importable in ``folder``: itself, the shared libraries and, as in the images, what it works with.

    Callers know the tasks; workers know the applications.
    """
    services = ROOT / "services"
    others = [services / "web-django", services / "api-flask"] if folder.name == "worker" else [services / "worker"]
    return [folder, *sorted((ROOT / "libs").glob("*")), *others]


def join(paths: Iterable[Path]) -> str:
    """Return ``paths`` as the value of a search path variable."""
    return os.pathsep.join(map(str, paths))


def files(*, ending: str = "", beginning: str = "") -> list[str]:
    """Return the files of this repository, new ones included, by how their names end and what they begin with.

    Args:
        ending: the end of the name.
        beginning: a pattern of the first bytes.
    """
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", f"*{ending}"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    start = re.compile(beginning.encode())
    return [name for name in listed if (ROOT / name).is_file() and start.match((ROOT / name).read_bytes())]


def choose(names: Sequence[str], available: Sequence[Step]) -> list[Step]:
    """Return the steps that ``names`` call: by name, or by paths of tests, all of which one run of the step serves.

    Raises:
        StackError: a name is neither.
    """
    chosen, known = [], set()
    for step in available:
        paths = [name for name in names if any(within(name, Path(target)) for target in step.targets)]
        if step.name in names:
            chosen.append(step)
        elif paths:
            targets = tuple(str(Path.cwd() / path) for path in paths)
            chosen.append(replace(step, targets=targets, then=()))  # some tests say nothing about what all of them run
        known |= {step.name, *paths}
    for name in names:
        if name not in known:
            steps = ", ".join(step.name for step in available)
            raise StackError(f"{name!r} is neither a path of tests nor a step", f"steps are: {steps}")
    return chosen


def within(name: str, folder: Path) -> bool:
    """Return whether ``name``, a path that may end in ``::test``, lies in ``folder``."""
    path = Path(name.partition("::")[0]).resolve()
    return path.exists() and (path == folder or folder in path.parents)
