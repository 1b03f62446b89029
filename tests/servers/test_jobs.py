"""Migrations, and the list of pending ones, on a Swarm in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rollout import deployer, progress
from rollout.errors import RolloutError
from rollout.jobs import Jobs
from tests.servers.memory import Json, Swarm, apply, plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rollout.records import Records

STACK = "site-migrate"


def ask(swarm: Swarm, new: Json, old: Json) -> list[str]:
    said: list[str] = []
    deployer.Deployer(swarm, said.append).pending(new, old)  # type: ignore[arg-type]
    return said


def test_what_is_pending_is_told_before_anything_that_serves_is_touched(swarm: Swarm, kept: Records) -> None:
    apply(swarm, kept, plan("one"))
    swarm.calls.clear()
    swarm.words = ("pending: news.0007_a", "pending: news.0008_b", "a warning")

    assert ask(swarm, plan("two"), plan("one")) == ["migrate: pending: news.0007_a, news.0008_b"]
    assert swarm.calls == ["site-pending-migrate: migrate"]
    assert set(swarm.stacks) == {"site"}, "the stack of the listing job is removed at its end"


def test_it_asks_with_the_new_image_the_jobs_own_way_but_for_the_command(swarm: Swarm) -> None:
    asked: list[Mapping[str, Any]] = []
    deploy = swarm.deploy

    def note(stack: str, file: Mapping[str, Any]) -> None:
        asked.append(file)
        deploy(stack, file)

    swarm.deploy = note  # type: ignore[method-assign]
    ask(swarm, plan("two"), plan("one"))

    job = plan("two")["jobs"]["migrate"]["services"]["migrate"]
    assert asked[0]["services"]["migrate"] == {**job, "command": ["ask"]}


def test_a_job_whose_image_is_the_one_that_runs_is_not_asked(swarm: Swarm) -> None:
    said = ask(swarm, plan("two", web="same"), plan("one", web="same"))

    assert said == ["migrate: pending: none, the same image runs already"]
    assert swarm.calls == []


def test_all_is_pending_where_the_host_with_the_data_is_a_new_one(swarm: Swarm, kept: Records) -> None:
    """Its database is empty, or comes from a backup, whatever image runs."""
    swarm.data = "n"
    apply(swarm, kept, plan("one", web="same"))
    old = kept.plan("plan-one.json")
    assert ask(swarm, plan("two", web="same"), old) == ["migrate: pending: none, the same image runs already"]
    swarm.calls.clear()

    swarm.data = "d"

    expected = ["migrate: pending: all, because the host with the data is another one than at the last deploy"]
    assert ask(swarm, plan("two", web="same"), old) == expected
    assert swarm.calls == [], "the database may not be there"
    apply(swarm, kept, old, jobs=False)
    assert ask(swarm, plan("two", web="same"), kept.plan("plan-one.json")) == expected, "a restart does not migrate"


@pytest.mark.usefixtures("clock")
def test_a_long_job_is_reported_now_and_then(swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0)
    said: list[str] = []
    run_ended = iter([False, True])
    monkeypatch.setattr("rollout.convergence.run_ended", lambda *_: next(run_ended))

    Jobs(swarm, said.append).run("site", plan("one")["jobs"])  # type: ignore[arg-type]

    assert said == ["site-migrate: still at work after 0 s", "migrate: done after 0 s"]


def test_a_log_that_cannot_be_read_is_no_claim_that_nothing_is_pending(swarm: Swarm) -> None:
    swarm.words = ()

    assert ask(swarm, plan("two"), plan("one")) == ["migrate: pending: unknown, its log cannot be read"]


def test_a_release_that_cannot_tell_what_is_pending_stops_there(swarm: Swarm) -> None:
    swarm.broken = {"web:two"}

    with pytest.raises(RolloutError, match="migrate: the list of pending migrations failed: exit 1"):
        ask(swarm, plan("two"), plan("one"))


def left_behind(swarm: Swarm, state: str, stack: str = STACK) -> Json:
    """Add and return a task of an earlier run, whose service is gone."""
    task = {"ID": "former", "ServiceID": "gone", "CreatedAt": "", "Spec": {}, "Status": {"State": state, "Err": "old"}}
    swarm.left[stack] = [task]
    return task


@pytest.mark.parametrize("state", ["complete", "failed"])
def test_the_end_of_a_former_run_is_not_taken_for_the_end_of_this_one(swarm: Swarm, kept: Records, state: str) -> None:
    left_behind(swarm, state)
    said: list[str] = []

    apply(swarm, kept, plan("one"), say=said.append)
    assert swarm.calls == ["site: db", f"{STACK}: migrate", "site: web"]

    swarm.broken = {"web:two"}
    with pytest.raises(RolloutError, match="migrate failed: exit 1") as caught:
        apply(swarm, kept, plan("two"))
    assert caught.value.lines == (f"last words of {STACK}/migrate#2",)


def test_a_migration_that_still_runs_is_waited_for_and_not_cut_off(swarm: Swarm, kept: Records) -> None:
    left_behind(swarm, "complete")  # from the run before the interrupted one
    swarm.deploy(STACK, plan("one")["jobs"]["migrate"])
    done: list[str] = []
    task = swarm.task

    def slow(entry: Json) -> Json:
        """Let the interrupted deploy's migration run until it was polled five times."""
        found = task(entry)
        if entry["ID"] == f"{STACK}/migrate" and len(done) < 5:
            done.append("asked")
            found["Status"] = {"State": "running"}
        return found

    removed_at: list[int] = []
    run = swarm.run

    def note(*arguments: str, given: str | None = None) -> str:
        if arguments[:2] == ("stack", "rm"):
            removed_at.append(len(done))
        return run(*arguments, given=given)

    swarm.task, swarm.run = slow, note  # type: ignore[method-assign]
    apply(swarm, kept, plan("one"))

    assert removed_at[0] == 5, "removed only after its end"
    assert swarm.calls.count(f"{STACK}: migrate") == 2, "then this release's own migration runs"


def test_no_two_migrations_run_at_once_though_the_service_of_the_first_is_gone(swarm: Swarm) -> None:
    former = left_behind(swarm, "running")
    jobs = Jobs(swarm, lambda _: None, 1, 0.05)  # type: ignore[arg-type]

    with pytest.raises(RolloutError, match=f"{STACK} is still there after"):
        jobs.output(STACK, "migrate", plan("one")["jobs"]["migrate"])
    assert swarm.calls == []

    former["Status"]["State"] = "shutdown"
    jobs.output(STACK, "migrate", plan("one")["jobs"]["migrate"])
    assert swarm.calls == [f"{STACK}: migrate"]


def test_a_job_that_somebody_removes_is_told_at_once(swarm: Swarm) -> None:
    with pytest.raises(RolloutError, match=f"{STACK} was removed before it ended"):
        Jobs(swarm, lambda _: None).end(STACK, "migrate")  # type: ignore[arg-type]


def test_the_rollback_removes_what_ended_jobs_left(swarm: Swarm, kept: Records) -> None:
    apply(swarm, kept, plan("one"))
    end = Jobs.end

    def lose(jobs: Jobs, stack: str, service: str) -> Any:  # noqa: ANN401
        end(jobs, stack, service)
        raise RolloutError("Docker does not answer: timed out")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Jobs, "end", lose)
        with pytest.raises(RolloutError, match="timed out; one still serves"):
            apply(swarm, kept, plan("two"))

    assert set(swarm.stacks) == {"site"}


@pytest.mark.usefixtures("clock")
def test_the_rollback_leaves_a_migration_that_runs_alone_and_says_so(swarm: Swarm, kept: Records) -> None:
    apply(swarm, kept, plan("one"))
    task = swarm.task

    def endless(entry: Json) -> Json:
        found = task(entry)
        if entry["ID"].startswith(STACK):
            found["Status"] = {"State": "running", "Message": "started"}
        return found

    swarm.task = endless  # type: ignore[method-assign]
    said: list[str] = []
    with pytest.raises(RolloutError, match="did not end within 0 s: started; one still serves"):
        apply(swarm, kept, plan("two"), say=said.append, job_timeout=0.1)

    assert f"{STACK} still runs; the next deploy waits for its end" in said
    assert STACK in swarm.stacks
