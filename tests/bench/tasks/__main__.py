#!/usr/bin/env python3
"""Compare this stack's durable tasks with plain ones: ``python3 tests/bench/tasks``, on a stack of its own.

Three ways run the same tasks, one after the other in each round: durable tasks; the same Celery plain on RabbitMQ with
confirms; Celery on Redis with defaults. Two worker processes each. Medians over the rounds, and ratios to Redis.
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
            found[way].append(call(stack, way, what, str(count)))
    return {
        way: {figure: median(one[figure] for one in measured) for figure in measured[0]}
        for way, measured in found.items()
    }


def table(title: str, figures: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table with ratios to Redis."""
    lines = [f"| {title} | publish/s | to Redis | end to end/s | to Redis |", "| --- | ---: | ---: | ---: | ---: |"]
    base = figures["redis"]
    for way, name in WAYS.items():
        own = figures[way]
        cells = [f"{own[key]:,.0f} | {own[key] / base[key]:.2f}" for key in ("publish", "end_to_end")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and remove the stack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=5000, help="no-op tasks a turn; a third as many of 10 ms")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    remove_leftovers()
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
        print(table(f"no-op, {options.tasks:,} tasks", compare(stack, "nothing", options.tasks, options.rounds)), "\n")
        slower = options.tasks // 3
        print(table(f"10 ms, {slower:,} tasks", compare(stack, "ten_milliseconds", slower, options.rounds)), "\n")
        working(stack, "durable")
        many = [call(stack, "durable", "bulk", "20000") for _ in range(options.rounds)]
        print(f"enqueue_many: {median(one['publish'] for one in many):,.0f}/s")
        idle = call(stack, "durable", "latency", "300")
        print(f"call to body's start when idle: p50 {idle['p50']:.1f} ms, p99 {idle['p99']:.1f} ms")
    finally:
        stack.down()


if __name__ == "__main__":
    main()
