"""Run the steps of a test run in lanes, side by side, and print each result when it is there.

A step that passes leaves one line with its time; the output of one that fails is shown in full, and steps that take
minutes show theirs while they run. Nothing stops at the first failure: a person wants to see all of them at once.
"""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from cli import steps
from cli.console import StackError
from cli.program import Ended
from cli.steps import CHECKS, REPORTS, Outcome, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cli.program import Program


class Lanes:
    """Runs steps, and ends the programs that it started when the run is ended.

    Args:
        planned: the steps; those of one lane run in their order.
        finished: called with each outcome when it is there.
    """

    def __init__(self, planned: Sequence[Step], finished: Callable[[Outcome], None] = lambda _: None) -> None:
        self._planned, self._finished = planned, finished
        self._running: set[Program] = set()
        self._ended = self._tells = False
        self._print_lock = threading.Lock()
        self._prefixed = sum(step.live for step in planned) > 1
        self._give_way = len({step.lane for step in planned}) > 1 and shutil.which("nice") is not None

    def run(self) -> list[Outcome]:
        """Run all steps and return their outcomes.

        Raises:
            BaseException: somebody ended the run; the programs have ended then.
        """
        REPORTS.mkdir(parents=True, exist_ok=True)
        lanes: dict[str, list[Step]] = {}
        for step in self._planned:
            lanes.setdefault(step.lane, []).append(step)
        # One more than there are processors: now and then a test waits.
        pools = {lane: ThreadPoolExecutor((os.cpu_count() or 1) + 1 if lane == CHECKS else 1) for lane in lanes}
        futures = [pools[lane].submit(self._run, step) for lane in lanes for step in lanes[lane]]
        outcomes = []
        try:
            for future in as_completed(futures):
                outcome = future.result()
                outcomes.append(outcome)
                self._show(outcome)
                self._finished(outcome)
        except BaseException as error:
            self._end(tell=isinstance(error, SystemExit))  # Ctrl-C has told the programs already
            raise
        finally:
            for pool in pools.values():
                pool.shutdown()
        return outcomes

    def _run(self, step: Step) -> Outcome:
        if self._ended:
            return Outcome(step, 0, 1, 0, output="not run")
        try:
            step.environment.provide()
        except StackError as error:
            return Outcome(step, 0, 1, 0, output=str(error))
        return steps.run(step, self._execute)

    def _execute(self, step: Step, command: Iterable[str]) -> Ended:
        """Run a command and return how it ended; its output is not kept if it was shown."""
        first = ("nice", "-n", str(step.nice)) if self._give_way and step.nice else ()
        with steps.start(step, [*first, *command]) as process:
            self._running.add(process)
            if self._tells:  # the run was ended while this one was started
                process.terminate()
            try:
                if not step.live:
                    output = "".join(process.lines())
                    return Ended(process.wait(), output, process.processor)
                prefix = f"{step.name} | " if self._prefixed else ""
                for line in process.lines():
                    with self._print_lock:
                        print(f"{prefix}{line}", end="", flush=True)
                return Ended(process.wait(), processor=process.processor)
            finally:
                self._running.discard(process)

    def _show(self, outcome: Outcome) -> None:
        with self._print_lock:
            if outcome.failed and outcome.output.strip():
                print(f"\n--- {outcome.step.name} " + "-" * 60 + f"\n{outcome.output.rstrip()}\n", flush=True)
            print(outcome.line, flush=True)

    def _end(self, *, tell: bool) -> None:
        """Start no further steps, and end the programs that run: they tidy up."""
        self._ended, self._tells = True, tell
        for process in list(self._running) if tell else ():
            process.terminate()
