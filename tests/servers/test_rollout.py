"""Rolls on a Swarm in memory: the calls, their order, and the rollback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rollout import deployer, lock, records, smoke, stage
from rollout.errors import BusyError, RolloutError
from tests.servers.memory import Json, Swarm, apply, image, plan, staged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def test_it_goes_group_after_group_with_the_migration_between(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))

    assert swarm.calls == ["site: db", "site-migrate: migrate", "site: web"]
    assert "site-migrate" not in swarm.stacks, "a job's stack is removed at its end"


def test_a_service_whose_image_is_the_same_is_not_touched(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one", db="same"))
    swarm.calls.clear()

    apply(swarm, kept, plan("two", db="same"))

    assert swarm.calls == ["site-migrate: migrate", "site: web"]
    assert swarm.running["db"] == image("db", "one", "same")


def test_a_step_names_its_own_services_alone_so_that_swarm_keeps_the_way_back_of_the_others() -> None:
    file = stage.stage(plan("two")["stack"], {"db"})

    assert set(file["services"]) == {"db"}
    assert file["networks"] == plan("two")["stack"]["networks"]


def test_a_service_that_the_new_release_does_not_have_goes(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))
    without = plan("two")
    del without["stack"]["services"]["db"]

    apply(swarm, kept, without)

    assert swarm.calls[-1] == "service rm site_db"


def test_a_failed_migration_changes_no_service_and_tells_its_last_words(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one", db="same"))
    swarm.broken = {"web:two"}

    with pytest.raises(RolloutError, match="migrate failed: exit 1; one still serves") as caught:
        apply(swarm, kept, plan("two", db="same"))

    assert swarm.running["web"] == image("web", "one")
    assert caught.value.lines == ("last words of site-migrate/migrate#2",)


def test_containers_that_never_get_healthy_bring_the_old_release_back(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))
    swarm.broken = {"web:two"}

    with pytest.raises(RolloutError, match="web: exit 1; one still serves"):
        apply(swarm, kept, plan("two"), jobs=False)

    assert set(swarm.running.values()) == {image("db", "one"), image("web", "one")}
    assert kept.running().release == "one"


def test_the_way_back_is_taken_group_after_group_and_what_came_new_goes(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))
    more = plan("two")
    more["stack"]["services"]["extra"] = {"image": image("extra", "two"), "deploy": {"replicas": 1}}
    more["order"].insert(1, ["extra"])
    swarm.broken = {"web:two"}
    swarm.calls.clear()

    with pytest.raises(RolloutError, match="one still serves"):
        apply(swarm, kept, more, jobs=False)

    assert swarm.calls == ["site: db", "site: extra", "site: web", "site: web", "site: db", "service rm site_extra"]


def test_two_containers_in_one_place_are_rolled_once_more(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("r1"))
    one = swarm.tasks

    def tasks(stack: str) -> dict[str, list[Json]]:
        """Return Swarm's state after a container failed in the middle of an update; it lasts until a new update."""
        found, forced = one(stack), any("--force" in call for call in swarm.calls)
        for key, [task] in found.items():
            task["Slot"] = 1
            if key == "site/web" and not forced:
                found[key] = [task, {**task, "ID": "another"}]
        return found

    swarm.tasks = tasks  # type: ignore[method-assign]
    said: list[str] = []
    deployer.Deployer(swarm, said.append).rollback(plan("r1"))  # type: ignore[arg-type]

    assert swarm.calls[-1] == "service update --force --detach --quiet site_web"
    assert said == ["web: two containers in one slot; it is updated again"]


def test_a_rollback_does_not_wait_for_the_delay_of_a_periodic_service(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a reboot Swarm starts its container again only after minutes."""
    apply(swarm, kept, plan("one"))
    task = swarm.task

    def delayed(entry: Json) -> Json:
        return {**task(entry), "DesiredState": "ready", "Status": {"State": "ready"}}

    monkeypatch.setattr(swarm, "task", delayed)
    rollback = deployer.Deployer(swarm, lambda _: None, step_timeout=0.05).rollback  # type: ignore[arg-type]
    with pytest.raises(RolloutError, match="not healthy within"):
        rollback(plan("one"))

    for entry in swarm.stacks["site"].values():
        entry["Spec"]["TaskTemplate"]["RestartPolicy"] = {"Delay": 300 * 10**9}
    monkeypatch.setattr(swarm, "deploy", lambda *_: None)  # the services are as they were

    rollback(plan("one"))


def test_a_smoke_test_that_fails_brings_the_old_release_back(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(swarm, kept, plan("one"))

    def fail(*_: object) -> None:
        raise RolloutError("the smoke test failed: / answers 500")

    monkeypatch.setattr(smoke, "run", fail)
    with pytest.raises(RolloutError, match="answers 500; one still serves"):
        apply(swarm, kept, plan("two"))

    assert swarm.running["web"] == image("web", "one")


def test_a_first_release_that_fails_has_nothing_to_go_back_to(swarm: Swarm, kept: records.Records) -> None:
    swarm.broken = {"web:one"}

    with pytest.raises(RolloutError, match="nothing ran before"):
        apply(swarm, kept, plan("one"), jobs=False)

    assert kept.current is None


def test_going_back_runs_no_migration(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))
    apply(swarm, kept, plan("two"))
    swarm.calls.clear()

    earlier = kept.find()
    apply(swarm, kept, kept.plan(earlier.file), earlier.file, jobs=False)

    assert earlier.release == "one"
    assert swarm.calls == ["site: web", "site: db"]
    assert kept.find().release == "two", "the next rollback returns to two"


#: The calls of a rollback: each service meets only those that it has met during the deploy.
BACKWARD = ["site: static", "site: nginx", "site: web", "site: db", "site: worker"]
FORWARD = ["site: db", "site: static", "site: web", "site: worker", "site: nginx"]


def roll_out(swarm: Swarm, kept: records.Records, release: str) -> None:
    """Roll a release of :func:`staged` out without its migration; its plan's name has the time."""
    apply(swarm, kept, staged(release), f"plan-2026110{release[-1]}T000000-{release}.json", jobs=False)


def test_going_back_calls_nginx_before_the_applications_and_data_before_the_workers(
    swarm: Swarm, kept: records.Records
) -> None:
    roll_out(swarm, kept, "r1")
    roll_out(swarm, kept, "r2")
    swarm.calls.clear()

    roll_out(swarm, kept, "r1")

    assert swarm.calls == BACKWARD
    swarm.calls.clear()
    roll_out(swarm, kept, "r2")
    assert swarm.calls == FORWARD, "a rollback of the rollback leads to a newer release"


def test_a_release_whose_smoke_test_fails_is_taken_back_in_the_order_of_a_rollback(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(swarm, kept, "r1")
    monkeypatch.setattr(deployer.Deployer, "smoke", failing)
    swarm.calls.clear()

    with pytest.raises(RolloutError, match="r1 still serves"):
        roll_out(swarm, kept, "r2")

    assert swarm.calls == [*FORWARD, *BACKWARD]


def failing(*_: object) -> None:
    raise RolloutError("/ answers 500")


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("db", ["site: db", "site: db"]),
        ("web", [*FORWARD[:3], "site: static", "site: web", "site: db"]),
        ("worker", [*FORWARD[:4], "site: static", "site: web", "site: db", "site: worker"]),
    ],
)
def test_only_groups_that_had_begun_are_taken_back(
    swarm: Swarm, kept: records.Records, broken: str, expected: list[str]
) -> None:
    roll_out(swarm, kept, "r1")
    swarm.broken = {f"{broken}:r2"}
    deploy, named = swarm.deploy, []

    def noting(stack: str, file: Mapping[str, Any]) -> None:
        named.extend(file["services"])
        deploy(stack, file)

    swarm.deploy = noting  # type: ignore[method-assign]
    swarm.calls.clear()

    with pytest.raises(RolloutError, match=f"{broken}: exit 1; r1 still serves"):
        roll_out(swarm, kept, "r2")

    assert ["site: " + name for name in named] == expected, "no other service is named to Swarm"
    assert set(swarm.running.values()) == {image(name, "r1") for name in swarm.running}


def test_a_rollback_that_fails_leads_forward_to_the_release_that_ran(swarm: Swarm, kept: records.Records) -> None:
    roll_out(swarm, kept, "r1")
    roll_out(swarm, kept, "r2")
    swarm.broken = {"web:r1"}
    swarm.calls.clear()

    with pytest.raises(RolloutError, match="web: exit 1; r2 still serves"):
        roll_out(swarm, kept, "r1")

    assert swarm.calls == [*BACKWARD[:3], "site: static", "site: web", "site: nginx"]


def test_a_service_that_the_failed_release_had_removed_is_restored(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(swarm, kept, "r1")
    without = staged("r2")
    del without["stack"]["services"]["worker"]
    monkeypatch.setattr(deployer.Deployer, "smoke", failing)
    swarm.run = remover(swarm)  # type: ignore[method-assign]

    with pytest.raises(RolloutError, match="r1 still serves"):
        apply(swarm, kept, without, "plan-20261102T000000-r2.json", jobs=False)

    assert swarm.running["worker"] == image("worker", "r1")


def remover(swarm: Swarm) -> Callable[..., str]:
    """Return ``docker`` of a Swarm that removes services."""
    run = swarm.run

    def removing(*arguments: str, given: str | None = None) -> str:
        if arguments[:2] == ("service", "rm"):
            del swarm.stacks["site"][arguments[2].removeprefix("site_")]
        return run(*arguments, given=given)

    return removing


def test_data_services_that_fail_are_restored_first(swarm: Swarm) -> None:
    two = staged("r2")
    swarm.deploy("site", two["stack"])
    swarm.broken = {"db:r2"}
    swarm.calls.clear()

    deployer.Deployer(swarm, print).rollback(staged("r1"))  # type: ignore[arg-type]

    assert swarm.calls == ["site: db", *(call for call in BACKWARD if call != "site: db")]


def test_a_release_goes_out_with_the_secrets_of_today_whatever_its_own_were() -> None:
    file = {**plan("one")["stack"], "secrets": {"key": {"name": "site_key-old", "external": True}}}

    assert stage.with_secrets(file, {"key": "site_key-new"})["secrets"]["key"]["name"] == "site_key-new"


def test_versions_of_secrets_that_nothing_uses_go(swarm: Swarm, kept: records.Records) -> None:
    swarm.secrets = ["site_key-old", "site_key-today", "other_key-old"]

    apply(swarm, kept, plan("one"), secrets={"key": "site_key-today"})

    assert swarm.calls[0] == "secret rm site_key-old"
    assert not [call for call in swarm.calls if "today" in call or "other" in call]


def test_secrets_of_a_recorded_release_stay_if_only_its_plan_has_their_names(
    swarm: Swarm, kept: records.Records
) -> None:
    old, new = plan("one"), {**plan("two"), "contents": {}}
    old["stack"]["secrets"] = {"nginx.conf": {"name": "site_nginx.conf-one", "external": True}}
    new["stack"]["secrets"] = {"nginx.conf": {"name": "site_nginx.conf-two", "external": True}}
    apply(swarm, kept, old)
    apply(swarm, kept, new)
    swarm.calls.clear()
    swarm.secrets = ["site_nginx.conf-one", "site_nginx.conf-two", "site_nginx.conf-three"]

    apply(swarm, kept, {**plan("three"), "contents": {}}, secrets={"nginx.conf": "site_nginx.conf-three"})

    assert [call for call in swarm.calls if call.startswith("secret rm")] == ["secret rm site_nginx.conf-two"]


def test_restarting_replaces_containers_service_by_service(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))
    swarm.calls.clear()

    apply(swarm, kept, plan("one"), force=["web"])

    assert swarm.calls == ["service update --force --detach --quiet site_web"]
    swarm.calls.clear()
    apply(swarm, kept, plan("one"), force=["all"])
    assert swarm.calls == ["service update --force --detach --quiet site_web"], "no service with data is restarted"
    with pytest.raises(RolloutError, match="there is no service wbe"):
        apply(swarm, kept, plan("one"), force=["wbe"])


@pytest.mark.parametrize("scale", [{"wbe": 3}, {"db": 2}, {"web": -1}])
def test_no_number_is_taken_that_would_break_the_site(swarm: Swarm, kept: records.Records, scale: Json) -> None:
    apply(swarm, kept, plan("one"))
    swarm.calls.clear()

    with pytest.raises(RolloutError, match=r"cannot be scaled; those that can: web|cannot be -1 containers of web"):
        apply(swarm, kept, plan("one"), replicas=scale)

    assert swarm.calls == []


def test_scaling_changes_the_number_and_nothing_else(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"), "plan-one.json")
    swarm.calls.clear()

    with pytest.raises(RolloutError, match="not healthy within"):  # this Swarm runs one container per service
        apply(swarm, kept, plan("one"), "plan-one.json", replicas={"web": 3}, jobs=False)

    assert swarm.calls[0] == "site: web"


def test_an_unknown_release_is_refused_with_those_that_are_kept(kept: records.Records) -> None:
    kept.succeed(records.Entry("one", "plan-one.json", "me", "now"))

    with pytest.raises(RolloutError, match="no release three to go back to; kept: one"):
        kept.find("three")


def test_old_plans_are_forgotten_and_those_that_can_be_gone_back_to_are_not(kept: records.Records) -> None:
    for number in range(records.KEPT + 5):
        file = f"plan-{number:02}.json"
        kept.save(file, {"release": str(number)})
        kept.succeed(records.Entry(str(number), file, "me", "now"))

    assert kept.tidy() == [f"plan-{number:02}.json" for number in range(5)]
    assert len(list(kept.folder.glob("plan-*.json"))) == records.KEPT
    assert kept.plan(kept.history[0].file)["release"] == "5"


def test_a_deploy_leaves_one_line_of_who_what_when_and_how_long(kept: records.Records) -> None:
    kept.log(what="deploy", release="one", who="me@here", outcome="done", seconds=41.6)

    text = (kept.folder / "log").read_text(encoding="utf-8")
    assert text.endswith("Z deploy one by me@here: done in 42 s\n")
    assert text.count("\n") == 1


def test_two_deploys_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.only_one("deploy", "one", "me", since="noon", patience=0, path=path):
        assert lock.held(path)
        with (
            pytest.raises(BusyError, match="deploy of one by me is at work since noon"),
            lock.only_one("deploy", "two", "you", since="later", patience=0, path=path),
        ):
            pass
    assert not lock.held(path)


def test_only_hosts_that_serve_are_asked(swarm: Swarm) -> None:
    assert deployer.serving(swarm.nodes()) == ["192.0.2.1"]


def test_records_survive_a_reader_in_between(kept: records.Records) -> None:
    records.write(kept.folder / "state.json", [])

    assert json.loads((kept.folder / "state.json").read_text(encoding="utf-8")) == []
    assert not list(kept.folder.glob(".*"))
