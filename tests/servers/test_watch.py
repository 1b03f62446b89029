"""The watch after a deploy: it restores the previous release for repeated failures, and not for an outage of a host."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from rollout import lock, records, shared, watch
from rollout.errors import RolloutError, TransientError
from rollout.watch import Judgement
from tests.servers.clock import Clock
from tests.servers.memory import Json, Swarm, apply, image, plan, staged

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NEW, OLD = {"ContainerSpec": {"Image": "new"}}, {"ContainerSpec": {"Image": "old"}}
SERVICE: Json = {"ID": "s", "Spec": {"TaskTemplate": NEW}}
REVERSED: Json = {**SERVICE, "UpdateStatus": {"State": "rollback_started", "Message": "failed", "StartedAt": "noon"}}


@pytest.fixture(autouse=True)
def _own_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(watch, "only_one", partial(lock.only_one, path=tmp_path / "lock"))


class ActingClock(Clock):
    """A clock that does something to the cluster at each step of the watch.

    Args:
        act: gets the number of the step, from 1 on.
    """

    def __init__(self, act: Callable[[int], None]) -> None:
        super().__init__()
        self.act, self.steps = act, 0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.steps += 1
        self.act(self.steps)


def watched(
    swarm: Swarm,
    kept: records.Records,
    act: Callable[[int], None],
    away: Callable[[], bool] = lambda: False,
    seconds: float = 180,
) -> list[str]:
    """Watch the current release while ``act`` changes the cluster; return the reported lines.

    Args:
        swarm: the cluster.
        kept: the records.
        act: gets the number of each step, which takes two seconds.
        away: whether the other hosts do not answer.
        seconds: the time of the watch.
    """
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "time", ActingClock(act))
        watch.watch(swarm, kept, {"who": "me", "watch": seconds}, said.append, lambda _: not away())  # type: ignore[arg-type]
    return said


def fail(swarm: Swarm, service: str, number: int) -> None:
    """Add a failed container of the current release to the tasks that Swarm lists."""
    entry = swarm.stacks["site"][service]
    task = {**swarm.task(entry), "ID": f"{service} {number}", "Status": {"State": "failed", "Err": "exit 1"}}
    swarm.left.setdefault("site", []).append({**task, "DesiredState": "shutdown"})


def logged(kept: records.Records) -> str:
    return (kept.folder / "log").read_text(encoding="utf-8")


@pytest.fixture
def two(swarm: Swarm, kept: records.Records) -> Swarm:
    """Return a cluster that runs release two; one ran before."""
    apply(swarm, kept, plan("one"))
    apply(swarm, kept, plan("two"))
    return swarm


def test_a_release_that_swarm_takes_back_later_has_failed() -> None:
    judgement = Judgement.begin({"web": SERVICE}, {})

    assert judgement.failing({"web": REVERSED}, {}) == ("web", "failed")
    assert Judgement.begin({"web": REVERSED}, {}).failing({"web": REVERSED}, {}) == ("", "")


@pytest.mark.parametrize(
    ("made", "number", "reason"), [(NEW, 1, ""), (NEW, 2, "2 containers failed: exit 1"), (OLD, 2, "")]
)
def test_a_release_has_failed_when_containers_of_its_own_fail_repeatedly(made: Json, number: int, reason: str) -> None:
    status = {"State": "failed", "Err": "exit 1"}
    broken = [{"ID": str(each), "Spec": made, "Status": status} for each in range(number)]

    found = Judgement().failing({"web": SERVICE}, {"s": broken})

    assert found == ("web" if reason else "", reason)


def test_failures_from_before_the_watch_do_not_count() -> None:
    broken = [{"ID": each, "Spec": NEW, "Status": {"State": "failed", "Err": ""}} for each in "ab"]

    assert Judgement.begin({"web": SERVICE}, {"s": broken}).failing({"web": SERVICE}, {"s": broken}) == ("", "")


def test_a_release_whose_containers_fail_repeatedly_is_taken_back(two: Swarm, kept: records.Records) -> None:
    said = watched(two, kept, lambda step: fail(two, "web", step) if step in {3, 20} else None)

    assert kept.running().release == "one"
    assert two.running["web"] == image("web", "one")
    assert "FAILED after its deploy (web: 2 containers failed: exit 1); one is back" in logged(kept)
    assert "web: 2 containers failed: exit 1\n  last words of web" in said


def test_a_single_failure_takes_no_release_back(two: Swarm, kept: records.Records) -> None:
    watched(two, kept, lambda step: fail(two, "web", step) if step == 3 else None)

    assert kept.running().release == "two"


def test_a_host_that_is_cut_off_takes_no_good_release_back(two: Swarm, kept: records.Records) -> None:
    cut = range(10, 30)
    now = 0

    def act(step: int) -> None:
        nonlocal now
        now = step
        if 15 <= step <= 50:  # containers go on to fail for a while after the cut
            fail(two, "web", step)

    said = watched(two, kept, act, away=lambda: now in cut)

    assert kept.running().release == "two"
    assert said == [
        "the watch pauses: 192.0.2.1 does not answer",
        "the outage is over (192.0.2.1 does not answer); the watch goes on in 60 s",
    ]


def test_a_release_that_fails_after_an_outage_is_taken_back(two: Swarm, kept: records.Records) -> None:
    """The time of the outage is no time of the watch."""
    now = 0

    def act(step: int) -> None:
        nonlocal now
        now = step
        if step in {140, 141}:
            fail(two, "web", step)

    watched(two, kept, act, away=lambda: 10 <= now < 100)

    assert kept.running().release == "one"


@pytest.mark.parametrize("state", ["down", "unknown"])
def test_a_node_that_swarm_misses_pauses_the_watch(two: Swarm, kept: records.Records, state: str) -> None:
    def act(step: int) -> None:
        two.states = {"d": state} if 5 <= step < 20 else {}
        if 5 <= step < 20:
            fail(two, "web", step)

    said = watched(two, kept, act)

    assert said[0] == f"the watch pauses: d is {state}"
    assert kept.running().release == "two"


def test_a_manager_that_is_cut_off_itself_takes_nothing_back(
    two: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes, away = two.nodes, False

    def asked() -> list[Json]:
        if away:
            raise TransientError("Docker does not answer: no leader")
        return nodes()

    def act(step: int) -> None:
        nonlocal away
        away = 5 <= step < 20
        if away:
            fail(two, "web", step)

    monkeypatch.setattr(two, "nodes", asked)
    said = watched(two, kept, act)

    assert said[0] == "the watch pauses: Docker does not answer: no leader"
    assert kept.running().release == "two"


def down(swarm: Swarm, service: str) -> None:
    """Let a service run with fewer containers than it should."""
    swarm.stacks["site"][service]["ServiceStatus"]["DesiredTasks"] = 2


def test_failures_while_a_data_service_is_down_do_not_count(two: Swarm, kept: records.Records) -> None:
    def act(step: int) -> None:
        if step == 5:
            down(two, "db")
        if 6 <= step < 20:
            fail(two, "web", step)
        if step == 20:
            two.stacks["site"]["db"]["ServiceStatus"]["DesiredTasks"] = 1

    said = watched(two, kept, act)

    assert said[0] == "the watch pauses: db is down"
    assert kept.running().release == "two"


def test_a_release_whose_data_service_fails_repeatedly_is_taken_back(two: Swarm, kept: records.Records) -> None:
    def act(step: int) -> None:
        if step in {5, 9}:
            down(two, "db")
            fail(two, "db", step)

    watched(two, kept, act)

    assert kept.running().release == "one"


def test_a_service_that_swarm_takes_back_in_an_outage_is_rolled_out_again(two: Swarm, kept: records.Records) -> None:
    now = 0

    def act(step: int) -> None:
        nonlocal now
        now = step
        if step == 12:
            two.deploy("site", {"services": {"web": plan("one")["stack"]["services"]["web"]}})
            two.stacks["site"]["web"]["UpdateStatus"] = {"State": "rollback_completed", "StartedAt": "noon"}

    watched(two, kept, act, away=lambda: 10 <= now < 20)

    assert two.running["web"] == image("web", "two")
    assert kept.running().release == "two"
    assert "watch two by me: web: rolled out again, because Swarm had taken it back in an outage" in logged(kept)


def test_the_watch_ends_without_a_verdict_if_the_outage_does_not_end(two: Swarm, kept: records.Records) -> None:
    said = watched(two, kept, lambda step: fail(two, "web", step), away=lambda: True)

    assert said[-1] == "ended after 30 minutes of outages (192.0.2.1 does not answer)"
    assert "watch two by me: ended after 30 minutes of outages" in logged(kept)
    assert kept.running().release == "two"


def test_the_restored_release_is_recorded_on_every_manager(two: Swarm, kept: records.Records, tmp_path: Path) -> None:
    other = records.Records(tmp_path / "other")
    other.folder.mkdir()
    for file in ("state.json", "log"):
        if (kept.folder / file).exists():
            (other.folder / file).write_bytes((kept.folder / file).read_bytes())

    watched(two, kept, lambda step: fail(two, "web", step))
    shared.pull(two, other)  # type: ignore[arg-type]

    assert other.running().release == "one"
    assert "FAILED after its deploy (web: 2 containers failed: exit 1); one is back" in logged(other)


def test_the_watch_of_a_rollback_leads_forward_again(swarm: Swarm, kept: records.Records) -> None:
    for release in ("r1", "r2", "r1"):
        file = f"plan-2026110{release[-1]}T000000-{release}.json"
        apply(swarm, kept, staged(release), file, jobs=False)
    swarm.calls.clear()

    watch.roll_back(swarm, kept, {"who": "me"}, RolloutError("web: exit 1"), lambda _: None)  # type: ignore[arg-type]

    assert swarm.calls == ["site: db", "site: static", "site: web", "site: worker", "site: nginx"]
