"""Rolls on a Swarm that exists in memory alone: what is asked of it, in which order, and the way back."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from rollout import judge, lock, records, roll, smoke, stage, watch
from rollout.__main__ import Roll
from rollout.errors import BusyError, RolloutError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Json = dict[str, Any]


def image(name: str, release: str, content: str = "") -> str:
    return f"127.0.0.1:5000/landfast/{name}:{release}@sha256:{content or release}"


def plan(release: str, **contents: str) -> Json:
    """A plan with a database, a site and a job; ``contents`` tell images apart where the release does not."""

    def service(name: str) -> Json:
        return {"image": image(name, release, contents.get(name, "")), "deploy": {"replicas": 1}, "secrets": []}

    stack = {
        "version": "3.12",
        "services": {"db": service("db"), "web": service("web")},
        "networks": {"data": {"driver": "overlay", "internal": True}},
        "volumes": {},
        "secrets": {},
    }
    job = {"version": "3.12", "services": {"migrate": service("web")}, "networks": {}, "volumes": {}, "secrets": {}}
    return {
        "release": release, "name": "site", "stack": stack, "jobs": {"migrate": job}, "pending": {"migrate": ["ask"]},
        "order": [["db"], ["migrate"], ["web"]], "files": [],
    }  # fmt: skip


class Swarm:
    """Runs what it is told at once; images whose name holds a word of ``broken`` fail."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.stacks: dict[str, dict[str, Json]] = {}
        self.calls: list[str] = []
        self.secrets: list[str] = []
        self.updates = 0
        self.words: tuple[str, ...] | None = None

    def services(self, stack: str) -> dict[str, Json]:
        return copy.deepcopy(self.stacks.get(stack, {}))

    def tasks(self, stack: str) -> dict[str, list[Json]]:
        return {entry["ID"]: [self.task(entry)] for entry in self.stacks.get(stack, {}).values()}

    def task(self, entry: Json) -> Json:
        name = entry["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
        failed = any(word in name for word in self.broken)
        done = "complete" if "Job" in str(entry["Spec"]["Mode"]) else "running"
        return {
            "ID": f"{entry['ID']} {name} {entry['update']}",
            "CreatedAt": "",
            "DesiredState": "running",
            "Spec": entry["Spec"]["TaskTemplate"],
            "Status": {"State": "failed" if failed else done, "Err": "exit 1" if failed else ""},
        }

    def deploy(self, stack: str, file: Mapping[str, Any]) -> None:
        now = self.stacks.setdefault(stack, {})
        changed = []
        for name, service in file["services"].items():
            mode = (
                {"ReplicatedJob": {}}
                if stack != "site"
                else {"Replicated": {"Replicas": service["deploy"]["replicas"]}}
            )
            spec = {
                "Name": f"{stack}_{name}",
                "Mode": mode,
                "TaskTemplate": {"ContainerSpec": {"Image": service["image"]}},
            }
            if name in now and now[name]["Spec"] == spec:
                continue
            changed.append(name)
            self.updates += 1
            state = "rollback_completed" if any(word in service["image"] for word in self.broken) else "completed"
            status = {"StartedAt": str(self.updates), "State": state, "Message": "update rolled back"}
            now[name] = {
                "ID": f"{stack}/{name}", "Spec": spec, "ServiceStatus": {"DesiredTasks": service["deploy"]["replicas"]},
                "UpdateStatus": status if name in now else None, "update": self.updates,
            }  # fmt: skip
        if changed:
            self.calls.append(f"{stack}: {' '.join(sorted(changed))}")

    def run(self, *arguments: str, given: str | None = None) -> str:
        assert given is None
        if arguments[:2] == ("stack", "rm"):
            self.stacks.pop(arguments[-1], None)
        else:
            self.calls.append(" ".join(arguments))
        return ""

    def get(self, path: str, **filters: str) -> list[Json]:
        if path == "/secrets":
            return [{"Spec": {"Name": name}} for name in self.secrets]
        assert path == "/networks"
        assert filters == {"driver": "overlay"}
        return [{"Name": "site_data"}]

    def nodes(self) -> list[Json]:
        return [
            {"ID": "n", "Status": {"State": "ready", "Addr": "192.0.2.1"}, "Spec": {"Availability": "active"}},
            {"ID": "d", "Status": {"State": "ready", "Addr": "192.0.2.2"}, "Spec": {"Availability": "drain"}},
        ]

    def logs(self, task: str, lines: int = 20) -> tuple[str, ...]:
        if self.words is not None:
            return self.words
        return (f"last words of {task.split(maxsplit=1)[0]}",)[:lines]

    @property
    def running(self) -> dict[str, str]:
        return {
            name: entry["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
            for name, entry in self.stacks.get("site", {}).items()
        }


@pytest.fixture
def swarm() -> Swarm:
    return Swarm()


@pytest.fixture
def kept(tmp_path: Path) -> records.Records:
    return records.Records(tmp_path)


@pytest.fixture(autouse=True)
def _answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the site answer well, and at once."""
    monkeypatch.setattr(smoke, "insist", lambda *_: None)
    monkeypatch.setattr(roll, "INTERVAL", 0.01)


def apply(swarm: Swarm, kept: records.Records, new: Json, file: str = "", **options: object) -> None:
    file = file or f"plan-{new['release']}.json"
    kept.save(file, new)
    given = {
        "what": "deploy", "plan": file, "who": "me@here", "secrets": {}, "step_timeout": 0.2,
        "smoke": {"host": "site.test", "checks": []}, **options,
    }  # fmt: skip
    Roll(swarm, kept, given, lambda _: None).apply(new)  # type: ignore[arg-type]


def test_it_goes_group_after_group_with_the_migration_between(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))

    assert swarm.calls == ["site: db", "site-migrate: migrate", "site: web"]
    assert "site-migrate" not in swarm.stacks, "a job's stack goes when it has ended"


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

    with pytest.raises(RolloutError, match="migrate failed: exit 1; one serves on") as caught:
        apply(swarm, kept, plan("two", db="same"))

    assert swarm.running["web"] == image("web", "one")
    assert caught.value.lines == ("last words of site-migrate/migrate",)


def ask(swarm: Swarm, new: Json, old: Json) -> list[str]:
    said: list[str] = []
    roll.Roller(swarm, said.append).pending(new, old)  # type: ignore[arg-type]
    return said


def test_what_is_pending_is_told_before_anything_that_serves_is_touched(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))
    swarm.calls.clear()
    swarm.words = ("pending: news.0007_a", "pending: news.0008_b", "a warning")

    assert ask(swarm, plan("two"), plan("one")) == ["migrate: pending: news.0007_a, news.0008_b"]
    assert swarm.calls == ["site-pending-migrate: migrate"]
    assert set(swarm.stacks) == {"site"}, "the question's stack goes when it is answered"


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

    assert said == ["migrate: pending: none, its image is the one that runs"]
    assert swarm.calls == []


def test_a_log_that_cannot_be_read_is_no_claim_that_nothing_is_pending(swarm: Swarm) -> None:
    swarm.words = ()

    assert ask(swarm, plan("two"), plan("one")) == ["migrate: pending: unknown, its log cannot be read"]


def test_a_release_that_cannot_tell_what_is_pending_stops_there(swarm: Swarm) -> None:
    swarm.broken = {"web:two"}

    with pytest.raises(RolloutError, match="migrate: asking what is pending failed: exit 1"):
        ask(swarm, plan("two"), plan("one"))


def test_containers_that_never_get_healthy_bring_the_old_release_back(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))
    swarm.broken = {"web:two"}

    with pytest.raises(RolloutError, match="web: exit 1; one serves on"):
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

    with pytest.raises(RolloutError, match="one serves on"):
        apply(swarm, kept, more, jobs=False)

    assert swarm.calls == ["site: db", "site: extra", "site: web", "site: db", "site: web", "service rm site_extra"]


def test_two_containers_in_one_place_are_rolled_once_more(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("r1"))
    one = swarm.tasks

    def tasks(stack: str) -> dict[str, list[Json]]:
        """As Swarm leaves it behind a container that failed in the middle of an update, until it is told again."""
        found, forced = one(stack), any("--force" in call for call in swarm.calls)
        for key, [task] in found.items():
            task["Slot"] = 1
            if key == "site/web" and not forced:
                found[key] = [task, {**task, "ID": "another"}]
        return found

    swarm.tasks = tasks  # type: ignore[method-assign]
    said: list[str] = []
    roll.Roller(swarm, said.append).back(plan("r1"))  # type: ignore[arg-type]

    assert swarm.calls[-1] == "service update --force --detach --quiet site_web"
    assert said == ["web: two containers in one place; rolled once more"]


def test_a_smoke_test_that_fails_brings_the_old_release_back(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(swarm, kept, plan("one"))

    def fail(*_: object) -> None:
        raise RolloutError("the smoke test failed: / answers 500")

    monkeypatch.setattr(smoke, "insist", fail)
    with pytest.raises(RolloutError, match="answers 500; one serves on"):
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
    assert swarm.calls == ["site: db", "site: web"]
    assert kept.find().release == "two", "and forth again"


def test_a_release_goes_out_with_the_secrets_of_today_whatever_its_own_were() -> None:
    file = {**plan("one")["stack"], "secrets": {"key": {"name": "site_key-old", "external": True}}}

    assert stage.with_secrets(file, {"key": "site_key-new"})["secrets"]["key"]["name"] == "site_key-new"


def test_versions_of_secrets_that_nothing_uses_go(swarm: Swarm, kept: records.Records) -> None:
    swarm.secrets = ["site_key-old", "site_key-today", "other_key-old"]

    apply(swarm, kept, plan("one"), secrets={"key": "site_key-today"})

    assert swarm.calls[0] == "secret rm site_key-old"
    assert not [call for call in swarm.calls if "today" in call or "other" in call]


def test_restarting_replaces_containers_service_by_service(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"))
    swarm.calls.clear()

    apply(swarm, kept, plan("one"), force=["web"])

    assert swarm.calls == ["service update --force --detach --quiet site_web"]
    with pytest.raises(RolloutError, match="there is no service wbe"):
        apply(swarm, kept, plan("one"), force=["wbe"])


def test_scaling_changes_the_number_and_nothing_else(swarm: Swarm, kept: records.Records) -> None:
    apply(swarm, kept, plan("one"), "plan-one.json")
    swarm.calls.clear()

    with pytest.raises(RolloutError, match="not healthy within"):  # this Swarm has one container a service
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


def test_smoke_waits_for_the_right_answer_and_says_which_was_wrong() -> None:
    wanted = smoke.Smoke("site.test", [smoke.Check("/")], seconds=0)
    answers = iter(["refused", ""])

    smoke_insist(smoke.Smoke("site.test", [smoke.Check("/")], seconds=5), lambda *_: next(answers))
    with pytest.raises(RolloutError, match=r"192\.0\.2\.1: / answers 500"):
        smoke_insist(wanted, lambda address, check, _: f"{address}: {check.path} answers 500")


#: The real one: the fixture above puts another in its place.
insist = smoke.insist


def smoke_insist(wanted: smoke.Smoke, asking: Any) -> None:  # noqa: ANN401 - a question's answer
    insist(wanted, ["192.0.2.1"], asking)


def test_only_hosts_that_serve_are_asked(swarm: Swarm) -> None:
    assert roll.serving(swarm.nodes()) == ["192.0.2.1"]


def test_a_release_that_swarm_takes_back_later_is_trouble() -> None:
    service = {"ID": "s", "UpdateStatus": {"State": "rollback_started", "Message": "task failed"}, "Spec": {}}

    assert watch.trouble({"web": service}, {}, judge.Before(), frozenset()) == ("web", "task failed")
    assert watch.trouble({"web": service}, {}, judge.Before(), frozenset({"s"})) == ("", "")


def test_a_container_of_the_new_release_that_crashes_is_trouble_and_one_of_the_old_is_not() -> None:
    new, old = {"ContainerSpec": {"Image": "new"}}, {"ContainerSpec": {"Image": "old"}}
    service = {"ID": "s", "Spec": {"TaskTemplate": new}}
    status = {"State": "failed", "Err": "exit 1"}

    def seen(made: Json) -> tuple[str, str]:
        return watch.trouble(
            {"web": service}, {"s": [{"ID": "t", "Spec": made, "Status": status}]}, judge.Before(), frozenset()
        )

    assert seen(new) == ("web", "a container failed: exit 1")
    assert seen(old) == ("", "")


def test_the_watch_brings_the_earlier_release_back(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    apply(swarm, kept, plan("one"))
    apply(swarm, kept, plan("two"))
    monkeypatch.setattr(lock, "PATH", tmp_path / "lock")
    monkeypatch.setattr(
        watch,
        "only_one",
        lambda *_, **__: lock.only_one("watch", "two", "me", since="", patience=0, path=tmp_path / "lock"),
    )

    watch.go_back(swarm, kept, {"who": "me"}, RolloutError("web: exit 1"), lambda _: None)  # type: ignore[arg-type]

    assert swarm.running["web"] == image("web", "one")
    assert kept.running().release == "one"
    assert "FAILED after its deploy (web: exit 1); one is back" in (kept.folder / "log").read_text(encoding="utf-8")


def test_the_watch_sees_a_container_fail_that_ran_when_it_began(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(swarm, kept, plan("one"))
    apply(swarm, kept, plan("two"))
    seen: list[RolloutError] = []

    def go_back(_swarm: Swarm, _kept: records.Records, _options: Json, error: RolloutError, _tell: object) -> int:
        seen.append(error)
        return 1

    monkeypatch.setattr("rollout.watch.time.sleep", lambda _: swarm.broken.add("web:two"))
    monkeypatch.setattr(watch, "go_back", go_back)

    assert watch.watch(swarm, kept, {"who": "me", "watch": 5}, lambda _: None) == 1  # type: ignore[arg-type]

    assert str(seen[0]) == "web: a container failed: exit 1\n  last words of site/web"


def test_records_survive_a_reader_in_between(kept: records.Records) -> None:
    records.write(kept.folder / "state.json", [])

    assert json.loads((kept.folder / "state.json").read_text(encoding="utf-8")) == []
    assert not list(kept.folder.glob(".*"))
