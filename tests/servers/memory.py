"""A Swarm in memory, plans for it, and a roll on it."""

from __future__ import annotations

import base64
import copy
from collections import Counter
from typing import TYPE_CHECKING, Any

from rollout.change import Change
from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rollout.records import Records

Json = dict[str, Any]


def image(name: str, release: str, content: str = "") -> str:
    return f"127.0.0.1:5000/landfast/{name}:{release}@sha256:{content or release}"


def plan(release: str, **contents: str) -> Json:
    """Return a plan with a database, a site and a job; ``contents`` sets an image's digest apart from the release."""

    def service(name: str) -> Json:
        deploy = {"replicas": 1, "update_config": {"order": "stop-first" if name == "db" else "start-first"}}
        return {"image": image(name, release, contents.get(name, "")), "deploy": deploy, "secrets": []}

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


def staged(release: str, **contents: str) -> Json:
    """Return a plan with a service in each stage: data, a one-shot on each node, visited, others, edge."""
    made = plan(release, **contents)
    services = made["stack"]["services"]
    for name in ("static", "web", "worker", "nginx"):
        deploy = {"replicas": 1, "update_config": {"order": "start-first"}}
        services[name] = {"image": image(name, release, contents.get(name, "")), "deploy": deploy, "secrets": []}
    services["static"]["deploy"]["mode"] = "global-job"
    made["order"] = [["db"], ["migrate", "static"], ["web"], ["worker"], ["nginx"]]
    return made


class Swarm:
    """Runs commands at once; images with a word of ``broken`` in their names fail."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.stacks: dict[str, dict[str, Json]] = {}
        self.calls: list[str] = []
        self.secrets: list[str] = []
        self.updates = 0
        self.words: tuple[str, ...] | None = None
        #: Tasks of removed services that Swarm still lists: stack -> tasks.
        self.left: dict[str, list[Json]] = {}
        self.made: Counter[str] = Counter()
        self.configs: dict[str, Json] = {}
        #: The node that keeps the data.
        self.data = ""
        #: The states of nodes that are not ready, by their names.
        self.states: dict[str, str] = {}

    @property
    def impatient(self) -> Swarm:
        return self

    def services(self, stack: str) -> dict[str, Json]:
        return copy.deepcopy(self.stacks.get(stack, {}))

    def tasks(self, stack: str) -> dict[str, list[Json]]:
        running = [entry for entry in self.stacks.get(stack, {}).values() if not entry.get("stopped")]
        found = {entry["ID"]: [self.task(entry)] for entry in running}
        for task in self.left.get(stack, []):
            found.setdefault(task["ServiceID"], []).append(task)
        return found

    def task(self, entry: Json) -> Json:
        name = entry["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
        failed = any(word in name for word in self.broken)
        done = "complete" if "Job" in str(entry["Spec"]["Mode"]) else "running"
        return {
            "ID": f"{entry['ID']} {name} {entry['update']}",
            "ServiceID": entry["ID"],
            "CreatedAt": "",
            "DesiredState": "running",
            "Spec": entry["Spec"]["TaskTemplate"],
            "Status": {"State": "failed" if failed else done, "Err": "exit 1" if failed else ""},
        }

    def deploy(self, stack: str, file: Mapping[str, Any]) -> None:
        now = self.stacks.setdefault(stack, {})
        changed = []
        for name, service in file["services"].items():
            once = stack != "site" or "mode" in service["deploy"]
            mode = {"ReplicatedJob": {}} if once else {"Replicated": {"Replicas": service["deploy"]["replicas"]}}
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
            self.made[f"{stack}/{name}"] += name not in now
            number = self.made[f"{stack}/{name}"]
            now[name] = {
                "ID": f"{stack}/{name}{f'#{number}' if number > 1 else ''}",
                "Spec": spec,
                "ServiceStatus": {"DesiredTasks": service["deploy"]["replicas"]},
                "UpdateStatus": status if name in now else None,
                "update": self.updates,
            }
        if changed:
            self.calls.append(f"{stack}: {' '.join(sorted(changed))}")

    def run(self, *arguments: str, given: str | None = None) -> str:
        if arguments[0] == "config":
            return self.config(arguments[1], *arguments[2:], given=given)
        assert given is None
        if arguments[:2] == ("stack", "rm"):
            self.stacks.pop(arguments[-1], None)
        else:
            self.calls.append(" ".join(arguments))
        if arguments[:2] == ("service", "scale"):
            for name in (each.removesuffix("=0").removeprefix("site_") for each in arguments if each.endswith("=0")):
                self.stacks["site"][name]["stopped"] = True
        return ""

    def config(self, verb: str, *arguments: str, given: str | None) -> str:
        """Make or remove a config, as the program does for the records that managers share."""
        if verb == "rm":
            del self.configs[arguments[0]]
            return ""
        label, name, source = arguments
        assert source == "-"
        assert given is not None
        if name in self.configs:
            raise RolloutError("docker config create failed", (f"config {name} already exists",))
        key, _, value = label.removeprefix("--label=").partition("=")
        data = base64.b64encode(given.encode()).decode()
        self.configs[name] = {"Spec": {"Name": name, "Labels": {key: value}, "Data": data}}
        return ""

    def get(self, path: str, **filters: str) -> list[Json]:
        if path == "/configs":
            return list(self.configs.values())
        if path == "/secrets":
            return [{"Spec": {"Name": name}} for name in self.secrets]
        assert path == "/networks"
        assert filters == {"driver": "overlay"}
        return [{"Name": "site_data"}]

    def nodes(self) -> list[Json]:
        return [
            {
                "ID": name,
                "Description": {"Hostname": name},
                "Status": {"State": self.states.get(name, "ready"), "Addr": address},
                "Spec": {
                    "Availability": availability,
                    "Labels": {"landfast.state": "true" if name == self.data else "false"},
                },
            }
            for name, address, availability in (("n", "192.0.2.1", "active"), ("d", "192.0.2.2", "drain"))
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


def options(file: str, **more: object) -> Json:
    """Return the options that a playbook passes to the program, for the plan in ``file``."""
    return {
        "what": "deploy", "plan": file, "who": "me@here", "secrets": {}, "step_timeout": 0.2, "watch": 0,
        "smoke": {"host": "site.test", "checks": []}, **more,
    }  # fmt: skip


def apply(
    swarm: Swarm,
    kept: Records,
    new: Json,
    file: str = "",
    say: Callable[[str], None] = lambda _: None,
    **more: object,
) -> None:
    """Roll ``new`` out like ``landfast apply``."""
    file = file or f"plan-{new['release']}.json"
    kept.save(file, new)
    Change(swarm, kept, options(file, **more), say).apply(new)  # type: ignore[arg-type]
