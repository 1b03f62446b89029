#!/usr/bin/env python3
"""Compare this stack's durable tasks with plain ones: ``python3 tests/bench/tasks``, on a stack of its own.

Three ways run the same tasks, one after the other in each round: durable tasks; the same Celery plain on RabbitMQ with
confirms; Celery on Redis with defaults. Two worker processes each. Medians over the rounds, ratios to Redis, and the
processors' time that a task takes of each service.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from cli import base_image, compose  # noqa: E402 - importable once the path is set
from cli.settings import Settings, ca_bundle  # noqa: E402
from tests.support.leftovers import remove_leftovers  # noqa: E402
from tests.support.stack import PREFIX, Stack  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

HERE = Path(__file__).resolve().parent
WAYS = {"durable": "durable (outbox)", "plain": "RabbitMQ, confirms", "redis": "Redis, defaults"}
BACKING = ("postgres", "redis", "redis-cache", "rabbitmq", "relay")

#: Says how many nanoseconds of the processors a container has used, where the kernel has cgroups 2 or 1.
PROCESSOR_TIME = """
sed -n 's/usage_usec \\(.*\\)/\\1000/p' /sys/fs/cgroup/cpu.stat 2>/dev/null || cat /sys/fs/cgroup/cpuacct/cpuacct.usage
"""

#: Seconds for one measurement.
TURN = 400


def call(stack: Stack, *arguments: str) -> dict[str, float]:
    """Let the caller send tasks, and return what it measured."""
    said = stack.compose("exec", "-T", "bench-caller", "python", "/opt/bench/caller.py", *arguments, timeout=TURN)
    measured: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return measured


def working(stack: Stack, way: str) -> None:
    """Have the worker of one way run, and no other."""
    stack.compose("stop", *(f"bench-{other}" for other in WAYS if other != way))
    stack.compose("up", "--detach", "--no-build", "--no-deps", f"bench-{way}")
    log = f"bench-{way}"
    wait_until(lambda: "ready." in stack.logs(log), 60, f"{log} to be ready")


def compare(stack: Stack, what: str, count: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return the median of each figure of each way."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            working(stack, way)
            before = processor_time(stack, way)
            measured = call(stack, way, what, str(count))
            after = processor_time(stack, way)
            cost = {service: (after[service] - before[service]) / count for service in before}
            found[way].append({**measured, **cost})
    return {
        way: {figure: median(one[figure] for one in measured) for figure in measured[0]}
        for way, measured in found.items()
    }


def processor_time(stack: Stack, way: str) -> dict[str, float]:
    """Return the milliseconds that each service of one way has used; its worker goes by ``worker``."""
    services = {"worker": f"bench-{way}", "caller": "bench-caller", **{name: name for name in BACKING}}
    used = {}
    for name, service in services.items():
        number = stack.execute(service, "sh", "-c", PROCESSOR_TIME).strip()
        used[name] = int(number) / 1e6
    return used


def costs(figures: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table of the processor's time for a task, in milliseconds; a caller's is with its start."""
    services = [name for name in figures["redis"] if name not in {"publish", "end_to_end"}]
    lines = [
        f"| ms of the processors a no-op | {' | '.join(services)} | all |",
        f"| --- |{' ---: |' * (len(services) + 1)}",
    ]
    for way, name in WAYS.items():
        own = [figures[way][service] for service in services]
        lines.append(f"| {name} | {' | '.join(f'{each:.2f}' for each in (*own, sum(own)))} |")
    return "\n".join(lines)


def table(title: str, figures: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table with ratios to Redis."""
    lines = [f"| {title} | publish/s | to Redis | end to end/s | to Redis |", "| --- | ---: | ---: | ---: | ---: |"]
    base = figures["redis"]
    for way, name in WAYS.items():
        own = figures[way]
        cells = [f"{own[key]:,.0f} | {own[key] / base[key]:.2f}" for key in ("publish", "end_to_end")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def measured(tasks: int, rounds: int) -> str:
    """Measure on a stack that is made for it and removed, and return the tables.

    Args:
        tasks: no-op tasks in each turn; a third as many of 10 ms.
        rounds: how many turns each way has.
    """
    environment = compose.environment(base_image.find(Settings.read().base_image) or "", ca_bundle())
    os.environ.update({name: value for name, value in environment.items() if value})
    files = ("compose.yaml", str(HERE / "compose.yaml"))
    stack = Stack(project=f"{PREFIX}{os.getpid()}-tasks", files=files, variables={"BENCH_APP": str(HERE / "app")})
    try:
        stack.compose("build", "worker", "relay", "postgres", "redis", "rabbitmq", "secrets", "web-django", timeout=900)
        stack.compose("up", "--detach", "--no-build", *BACKING, timeout=180)
        stack.wait_healthy(*BACKING)
        stack.compose("run", "--rm", "--no-deps", "--user=0", "--volume", f"{stack.project}_bench:/b", "bench-caller",
                      "chmod", "0777", "/b")  # fmt: skip
        stack.compose("up", "--detach", "--no-build", "--no-deps", "bench-caller")
        nothing = compare(stack, "nothing", tasks, rounds)
        slower = tasks // 3
        slow = compare(stack, "ten_milliseconds", slower, rounds)
        working(stack, "durable")
        many = median(call(stack, "durable", "bulk", str(4 * tasks))["publish"] for _ in range(rounds))
        idle = call(stack, "durable", "latency", "300")
    finally:
        stack.down()
    bulk = f"enqueue_many: {many:,.0f}/s."
    waited = f"From the call to the body's start when idle: p50 {idle['p50']:.1f} ms, p99 {idle['p99']:.1f} ms."
    first, second = table(f"no-op, {tasks:,} tasks", nothing), table(f"10 ms, {slower:,} tasks", slow)
    return "\n\n".join((first, costs(nothing), second, f"{bulk} {waited}"))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=5000, help="no-op tasks a turn; a third as many of 10 ms")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    remove_leftovers()
    print(measured(options.tasks, options.rounds))


if __name__ == "__main__":
    main()
