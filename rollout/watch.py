"""Watches a release after its deploy: if the release fails after a while, the previous one is restored.

A release has failed if Swarm takes it back, or if several containers of one service fail. Failures during an outage
of a host or of a data service say nothing about the release: the watch does not count them, and pauses until the
outage is over.
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rollout import convergence, shared
from rollout.deployer import LINES, Deployer, serving
from rollout.errors import BusyError, RolloutError, explained
from rollout.lock import only_one
from rollout.records import is_older, now

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from rollout.engine import Engine
    from rollout.placement import Node
    from rollout.records import Entry, Records

    Services = Mapping[str, dict[str, Any]]
    Tasks = Mapping[str, Sequence[convergence.Task]]

INTERVAL = 2.0
FAILED = 1
#: Failed containers of one service at which the release has failed: a single one may have another cause.
FAILURES = 2
#: Seconds after an outage during which containers may still fail because of it.
SETTLE = 60.0
#: Seconds of outages, all together, after which the watch ends without a verdict.
LONGEST_PAUSE = 1800.0
#: Seconds after which an answer of Docker counts as an outage of this host.
LATE = 10.0
#: The port at which each host's Docker answers the others: without it, containers do not reach each other either.
GOSSIP, REACH_TIMEOUT = 7946, 2.0


def reached(address: str) -> bool:
    """Return whether the Docker of another host answers."""
    try:
        socket.create_connection((address, GOSSIP), REACH_TIMEOUT).close()
    except OSError:
        return False
    return True


def cut_off(nodes: Sequence[Mapping[str, Any]], reach: Callable[[str], bool]) -> str:
    """Return which node is down or does not answer; an empty string if none is.

    Args:
        nodes: Swarm's nodes. Swarm misses a lost one late: after three heartbeats.
        reach: whether the host with an address answers.
    """
    for node in nodes:
        if node["Status"]["State"] != "ready":
            return f"{node['Description']['Hostname']} is {node['Status']['State']}"
    addresses = serving(nodes) if len(nodes) > 1 else []
    with ThreadPoolExecutor(len(addresses) or 1) as pool:
        answers = list(pool.map(reach, addresses))
    silent = [address for address, answer in zip(addresses, answers, strict=True) if not answer]
    return f"{', '.join(silent)} does not answer" if silent else ""


def data_down(services: Services, tasks: Tasks, nodes: Sequence[Node], data: Collection[str]) -> str:
    """Return which data service does not run as desired; an empty string if all do."""
    for name in data:
        service = services.get(name)
        if service and not convergence.converged(service, tasks.get(service["ID"], []), nodes):
            return f"{name} is down"
    return ""


def reversed_by_swarm(service: Mapping[str, Any]) -> bool:
    """Return whether Swarm has stopped or reversed the service's last update."""
    return str((service.get("UpdateStatus") or {}).get("State", "")).startswith(("rollback", "paused"))


@dataclass
class Judgement:
    """Decides whether a release has failed, from Swarm's answers one after the other.

    Args:
        forgiven: ids of failed tasks that do not count: they failed before the watch, or in an outage.
        known: services, with the time of their update, that Swarm had reversed before the watch, or in an outage.
        taken_back: services that Swarm has reversed in an outage, and that must be rolled out again.
    """

    forgiven: set[str] = field(default_factory=set)
    known: set[tuple[str, str]] = field(default_factory=set)
    taken_back: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, services: Services, tasks: Tasks) -> Judgement:
        """Begin with Swarm's present answers: what failed until now does not count."""
        judgement = cls()
        judgement.forgive(services, tasks)
        judgement.taken_back.clear()
        return judgement

    def forgive(self, services: Services, tasks: Tasks, but: Collection[str] = ()) -> None:
        """Do not count present failures, except those of the services ``but``."""
        for name, service in services.items():
            if name in but:
                continue
            broken = (task for task in tasks.get(service["ID"], []) if task["Status"]["State"] in convergence.FAILED)
            self.forgiven |= {task["ID"] for task in broken}
            if self.newly_reversed(service):
                self.known.add((service["ID"], convergence.update_began(service)))
                self.taken_back.add(name)

    def newly_reversed(self, service: Mapping[str, Any]) -> bool:
        """Return whether Swarm has reversed an update that is not known."""
        update = (service["ID"], convergence.update_began(dict(service)))
        return reversed_by_swarm(service) and update not in self.known

    def failing(self, services: Services, tasks: Tasks) -> tuple[str, str]:
        """Return the first service that has failed, and the reason; empty strings if none has."""
        for name, service in services.items():
            broken = self.broken(tasks.get(service["ID"], []))
            if self.newly_reversed(service):  # the failed tasks belong to the reversed release
                error = broken[0]["Status"].get("Err", "") if broken else ""
                return name, error or service["UpdateStatus"].get("Message", "Swarm rolled the update back")
            current = [task for task in broken if convergence.is_current(task, service)]
            if len(current) >= FAILURES:
                return name, f"{len(current)} containers failed: {current[0]['Status'].get('Err', '')}"
        return "", ""

    def broken(self, tasks: Sequence[convergence.Task]) -> list[convergence.Task]:
        """Return the failed tasks that count, newest first."""
        return convergence.failed_tasks(tasks, convergence.Snapshot(tasks=frozenset(self.forgiven)))


@dataclass(frozen=True)
class View:
    """The state of the cluster at one moment.

    Args:
        services: the stack's services; none if Docker does not answer.
        tasks: their tasks.
        away: which host is down or does not answer.
        down: which data service does not run.
    """

    services: Services
    tasks: Tasks
    away: str = ""
    down: str = ""

    @property
    def outage(self) -> str:
        """The present outage; an empty string if there is none."""
        return self.away or self.down


class Watch:
    """The watch of the current release.

    Args:
        engine: Docker.
        records: the records of releases.
        options: the options of the rollout; ``watch`` has the seconds.
        report: reports progress.
        reach: whether the host with an address answers.
    """

    def __init__(
        self,
        engine: Engine,
        records: Records,
        options: Mapping[str, Any],
        report: Callable[[str], None],
        reach: Callable[[str], bool] = reached,
    ) -> None:
        """Keep the arguments."""
        self.engine, self.records, self.options, self.report, self.reach = engine, records, options, report, reach
        self.outage = ""

    def run(self, current: Entry) -> int:
        """Watch the release ``current``, and roll back if it fails.

        Returns:
            The exit status: 0 if the release stays.
        """
        plan = self.records.plan(current.file)
        judgement = Judgement.begin(self.engine.services(plan["name"]), self.engine.tasks(plan["name"]))
        watched = paused = quiet_at = 0.0
        looked = time.monotonic()
        while watched < float(self.options["watch"]):
            time.sleep(INTERVAL)
            view = self.look(plan)
            elapsed, looked = time.monotonic() - looked, time.monotonic()
            self.note(view.outage)
            if view.outage:
                quiet_at = looked + SETTLE
            if looked >= quiet_at:
                watched += elapsed
                self.roll_out_again(plan, judgement)
            else:
                paused += elapsed
                # The data services themselves are judged, unless a host is away.
                judgement.forgive(view.services, view.tasks, plan["order"][0] if view.down and not view.away else ())
            if paused > LONGEST_PAUSE:
                return self.give_up()
            error = self.failure(view, judgement)
            if error:
                return roll_back(self.engine, self.records, self.options, error, self.report)
        return 0

    def look(self, plan: Mapping[str, Any]) -> View:
        """Return the present state of the cluster."""
        engine, name, began = self.engine.impatient, plan["name"], time.monotonic()
        try:
            nodes, services, tasks = engine.nodes(), engine.services(name), engine.tasks(name)
        except RolloutError as error:  # this host is cut off, or its Docker restarts
            return View({}, {}, away=error.reason)
        late = time.monotonic() - began
        away = f"Docker answered after {late:.0f} s only" if late > LATE else cut_off(nodes, self.reach)
        return View(services, tasks, away, data_down(services, tasks, nodes, plan["order"][0]))

    def failure(self, view: View, judgement: Judgement) -> RolloutError | None:
        """Return the error of the first service that has failed, with its last log lines; None if none has."""
        service, reason = judgement.failing(view.services, view.tasks)
        if not service:
            return None
        own = view.tasks.get(view.services[service]["ID"], [])
        task = next(iter([*judgement.broken(own), *own]), None)
        return RolloutError(f"{service}: {reason}", self.engine.logs(task["ID"], LINES) if task else ())

    def note(self, outage: str) -> None:
        """Report the begin and the end of an outage."""
        if outage and not self.outage:
            self.report(f"the watch pauses: {outage}")
        elif self.outage and not outage:
            self.report(f"the outage is over ({self.outage}); the watch goes on in {SETTLE:.0f} s")
        self.outage = outage or ""

    def give_up(self) -> int:
        """End without a verdict, and record it."""
        outcome = f"ended after {LONGEST_PAUSE / 60:.0f} minutes of outages ({self.outage or 'the last one is over'})"
        self.report(outcome)
        self.log(outcome, LONGEST_PAUSE)
        return 0

    def log(self, outcome: str, seconds: float) -> None:
        """Write a line into the log of all managers."""
        release = self.records.running().release
        self.records.log(what="watch", release=release, who=self.options["who"], outcome=outcome, seconds=seconds)
        shared.share(self.engine, self.records, self.report)

    def roll_out_again(self, plan: Mapping[str, Any], judgement: Judgement) -> None:
        """Roll out again the services that Swarm took back because of an outage. Their next failures count."""
        again = sorted(judgement.taken_back & set(plan["stack"]["services"]))
        if not again:
            return
        began = time.monotonic()
        try:
            with only_one("watch", plan["release"], self.options["who"], since=now(), patience=0):
                Deployer(self.engine, self.report).rollback(plan, back=False, begun=again)
        except BusyError:
            return
        except RolloutError as error:
            self.report(str(error))
        judgement.taken_back.clear()
        outcome = f"{', '.join(again)}: rolled out again, because Swarm had taken it back in an outage"
        self.log(outcome, time.monotonic() - began)


def watch(
    engine: Engine,
    records: Records,
    options: Mapping[str, Any],
    report: Callable[[str], None],
    reach: Callable[[str], bool] = reached,
) -> int:
    """Watch the current release for the seconds in ``options``, without those of outages, and roll back if it fails.

    Returns:
        The exit status: 0 if the release stays.
    """
    current = records.current
    return Watch(engine, records, options, report, reach).run(current) if current else 0


def roll_back(
    engine: Engine,
    records: Records,
    options: Mapping[str, Any],
    error: RolloutError,
    report: Callable[[str], None],
) -> int:
    """Restore the previous release.

    Returns:
        The exit status.
    """
    began, history = time.monotonic(), records.history
    current, earlier = history[-1], history[:-1]
    report(str(error))
    if not earlier:
        records.log(
            what="watch", release=current.release, who=options["who"], seconds=0,
            outcome=f"FAILED ({error.reason}); nothing ran before",
        )  # fmt: skip
        shared.share(engine, records, report)
        return FAILED
    try:
        with (
            only_one("watch", current.release, options["who"], since=now(), patience=60),
            shared.begun(engine, records, "watch", "watch", current.release, options["who"]),
        ):
            back = is_older(earlier[-1].file, current.file)
            Deployer(engine, report).rollback(records.plan(earlier[-1].file), back=back)
            records.forget_current()
            outcome = f"{earlier[-1].release} is back"
    except Exception as second:  # noqa: BLE001 - no caller waits for this error, so it goes into the record
        found = explained(second)
        report(str(found))
        outcome = f"and {earlier[-1].release} did not come back: {found.reason}"
    records.log(
        what="watch", release=current.release, who=options["who"], seconds=time.monotonic() - began,
        outcome=f"FAILED after its deploy ({error.reason}); {outcome}",
    )  # fmt: skip
    shared.share(engine, records, report)
    return FAILED
