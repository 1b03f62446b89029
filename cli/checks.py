"""``./stack test``: every check of this repository, the same on a laptop and in CI, in three tiers."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cli import devenv, machine, prepare, report, speed, suites
from cli.console import Phases, StackError
from cli.lanes import Lanes
from cli.program import Moment
from cli.results import Results
from cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.steps import Outcome, Step

#: Bytes of memory that two stacks, a bare server and the images' builds need side by side.
SIDE_BY_SIDE = 12 << 30


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    quick: bool
    all: bool
    resume: bool
    yes: bool
    names: list[str]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments after ``./stack test``."""
    found = argparse.ArgumentParser(
        prog="./stack test",
        description="Check the promises on one stack and one bare server, as CI does; or more, less, or named steps.",
    )
    tier = found.add_mutually_exclusive_group()
    tier.add_argument("--quick", action="store_true", help="linters, types and unit tests: no Docker, under a minute")
    tier.add_argument("--all", action="store_true", help="everything else too: clusters, Debian 12, long chaos; hours")
    found.add_argument("--resume", action="store_true", help="with --all: continue the last such run")
    found.add_argument("--yes", action="store_true", help="install missing programs without asking")
    found.add_argument("names", nargs="*", metavar="PATH/NAME", help="a path of tests, or the name of a step")
    return found


def main(arguments: Sequence[str]) -> int:
    """Run the checks that ``arguments`` select and return the exit status.

    Args:
        arguments: the arguments after ``./stack test``.

    Raises:
        StackError: a name is unknown, the options do not fit, or the machine lacks a program that cannot be installed.
    """
    options = Options(**vars(parser().parse_args(list(arguments))))
    check(options)
    began = Moment.now()
    groups = planned(options)
    results = None
    if options.all:
        results = Results.resume() if options.resume else Results.begin(speed.slowness())
        groups = [[step for step in group if step.name not in results.passed] for group in groups]
        announce(groups, results)
    wanted = [step for group in groups for step in group]
    os.environ[speed.VARIABLE] = str(speed.slowness())
    phases = Phases()
    if any(step.docker for step in wanted):
        os.environ.update(prepare.prepare(Settings.read(), phases, ["test", *arguments], yes=options.yes, ports=False))
    devenv.provide_programs({program: package for step in wanted for program, package in step.programs.items()})
    report.TIMINGS.unlink(missing_ok=True)
    outcomes: list[Outcome] = []
    for group in groups:
        outcomes += Lanes(group, results.add if results else lambda _: None).run()
    return close(outcomes, phases, began, results)


def check(options: Options) -> None:
    """Refuse options that do not fit together.

    Raises:
        StackError: the options contradict each other.
    """
    if options.resume and not options.all:
        raise StackError("--resume goes with --all", "./stack test --all --resume")
    if options.names and (options.quick or options.all):
        raise StackError("--quick and --all choose by themselves", "leave them out, or the names")
    try:
        speed.slowness()
    except ValueError as error:
        raise StackError(str(error), "set it right, or not at all") from None


def planned(options: Options) -> list[list[Step]]:
    """Return the selected steps, in groups that run one after the other."""
    if options.quick:
        return [suites.quick()]
    if options.names:
        return [choose(options.names, [*suites.default(), *suites.everything_else()])]
    memory = machine.available_memory()
    groups = [suites.default(), *([suites.everything_else()] if options.all else [])]
    if memory is not None and memory < SIDE_BY_SIDE:
        beside = {suites.IMAGES, suites.SERVER}
        groups[0] = [replace(step, lane=suites.STACK) if step.lane in beside else step for step in groups[0]]
    return groups


def choose(names: Sequence[str], available: Sequence[Step]) -> list[Step]:
    """Return the steps that ``names`` select.

    A name is that of a step, or its beginning up to a hyphen (``chaos`` selects ``chaos-kills`` and ``chaos-cuts``), or
    a path. A path is that of a folder with all tests of steps, or of single tests, which the first step that has them
    runs.

    Raises:
        StackError: a name is none of these.
    """
    chosen: list[Step] = []
    served: set[str] = set()  # paths that a part of a step runs
    known: set[str] = set()
    for step in available:
        targets = [Path(target) for target in step.targets]
        whole = [name for name in names if called(name, step) or (holds(name, targets) and name not in served)]
        parts = [name for name in names if name not in known and any(within(Path(name), each) for each in targets)]
        if whole:
            chosen.append(step)
        elif parts:
            paths = tuple(str(Path.cwd() / path) for path in parts)
            # A part of the tests cannot show the coverage of all of them.
            chosen.append(replace(step, targets=paths, then=(), selection=(), whole={}))
            served |= {*parts}
        known |= {*whole, *parts}
    for name in names:
        if name not in known:
            steps = ", ".join(step.name for step in available)
            raise StackError(f"{name!r} is neither a path of tests nor a step", f"steps are: {steps}")
    return chosen


def called(name: str, step: Step) -> bool:
    """Return whether ``name`` is that of a step, or its beginning up to a hyphen."""
    return step.name == name or step.name.startswith(f"{name}-")


def holds(name: str, targets: Sequence[Path]) -> bool:
    """Return whether ``name`` is the path of a folder that contains all targets of a step."""
    return bool(targets) and Path(name).is_dir() and all(within(target, Path(name)) for target in targets)


def within(path: Path, folder: Path) -> bool:
    """Return whether ``path``, which may end in ``::test``, exists and is ``folder`` or in it."""
    file, folder = Path(str(path).partition("::")[0]).resolve(), folder.resolve()
    return file.exists() and (file == folder or folder in file.parents)


def announce(groups: Sequence[Sequence[Step]], results: Results) -> None:
    """Print the steps that will run, and how long they take."""
    long = [step for group in groups for step in group if step.minutes]
    factor = results.slowness
    print(f"{len(results.passed)} steps have passed already. " if results.rows else "", end="")
    print(f"To run, with the minutes that each takes here, about {factor * sum(each.minutes for each in long):.0f}:")
    for step in long:
        print(f"  {factor * step.minutes:5.0f}  {step.name}")
    print(f"Results go to {results.file}; --all --resume continues from there.", flush=True)


def close(outcomes: Sequence[Outcome], phases: Phases, began: Moment, results: Results | None) -> int:
    """Print the closing tables and counts, and return the exit status."""
    if any(outcome.step.live for outcome in outcomes) or len(outcomes) > 1:
        print(f"\n{report.tables(outcomes, phases.rows(), began, Moment.now())}\n")
    for outcome in outcomes:
        if outcome.failed:
            print(outcome.line, *(f"         {name}" for name in outcome.failures), sep="\n")
    passed, failed = sum(outcome.passed for outcome in outcomes), sum(outcome.failed for outcome in outcomes)
    if results:
        results.write()
        print(f"Results are in {results.file}")
        passed, failed = sum(row.passed for row in results.rows), sum(row.failed for row in results.rows)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
