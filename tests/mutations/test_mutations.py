"""Each promise that is broken on purpose turns a test red."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from cli.steps import count_tests
from tests.mutations.mutations import TRIALS, Mutation, Trial
from tests.support.releases import Checkout
from tests.support.stack import ROOT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

#: Seconds that the longest trial takes on an idle reference machine.
TRIAL = 1200


#: The failures of the trials that have run: the mutations of one trial share a run.
SEEN: dict[Trial, list[str]] = {}


@pytest.fixture
def failures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the tests that fail where the mutations of a trial are made."""
    trial: Trial = request.param
    if trial in SEEN:
        return SEEN[trial]
    checkout = Checkout.create(tmp_path_factory.mktemp("mutated") / "landfast")
    for mutation in trial.mutations:
        before = checkout.read(mutation.file)
        assert before.count(mutation.old) == 1, f"{mutation.file} has no single {mutation.old!r} to break"
        checkout.commit({mutation.file: before.replace(mutation.old, mutation.new)})
    SEEN[trial] = run(checkout.directory, trial.names)
    return SEEN[trial]


def run(directory: Path, names: tuple[str, ...]) -> list[str]:
    """Run ``./stack test`` with ``names`` in a checkout, and return the names of the tests that failed."""
    log = directory / "trial.log"
    with log.open("w", encoding="utf-8") as output:
        subprocess.run(
            ["./stack", "test", "--yes", *names],
            cwd=directory,
            env={**os.environ, "CHAOS_FAULTS": "wipe-rabbitmq", "CHAOS_FORM": "short"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE * TRIAL,
            check=False,
        )
    found = [name for report in (directory / "tests/output").glob("*.xml") for name in count_tests(report).failures]
    print(log.read_text(encoding="utf-8")[-4000:])
    return found


@pytest.mark.parametrize(
    ("failures", "mutation"),
    [(trial, mutation) for trial in TRIALS for mutation in trial.mutations],
    indirect=["failures"],
    ids=[f"{trial.tier}-{mutation.id}" for trial in TRIALS for mutation in trial.mutations],
)
def test_it_is_noticed_that(failures: list[str], mutation: Mutation) -> None:
    assert [name for name in failures if name.startswith(mutation.noticed)], f"failed: {failures}"


def test_each_mutation_changes_a_file_that_is_there() -> None:
    for trial in TRIALS:
        for mutation in trial.mutations:
            assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.old) == 1, mutation.promise
