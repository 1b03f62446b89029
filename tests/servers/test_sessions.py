"""PostgreSQL accepts the sessions that all services may open, or the deploy is refused with the way out."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from cli.console import StackError
from cli.servers import configuration, sessions
from cli.servers.manifest import Manifest
from cli.servers.render import render
from cli.servers.service import Release, is_once

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Containers of the site that the default memory of PostgreSQL is enough for.
REPLICAS = 8


def services(**settings: int | str) -> dict[str, Any]:
    """Return the repository's services, as servers run them."""
    found: dict[str, Any] = configuration.read(settings)["services"]
    return found


def mib(size: str) -> int:
    """Return the MiB of one of PostgreSQL's sizes."""
    return int(size.removesuffix("MB")) if size.endswith("MB") else int(size.removesuffix("kB")) >> 10


def test_postgresql_accepts_the_sessions_of_eight_containers_of_the_site_and_of_all_others_in_a_rollout() -> None:
    entries = services(WEB_REPLICAS=REPLICAS)

    assert sessions.wanted(entries)["web-django"] == (REPLICAS + 1) * 2 * 4
    assert sessions.problem(entries) == ""


def test_a_deploy_with_more_sessions_than_postgresql_accepts_is_refused_and_more_memory_is_the_way_out() -> None:
    many = {"WEB_REPLICAS": 14, "WEB_THREADS": 8}
    config = configuration.read(many)
    manifest = Manifest.read()
    images = {entry["image"]: entry["image"] for entry in config["services"].values()}

    with pytest.raises(StackError) as caught:
        render(config, manifest, Release("abc", "site", images, manifest.versions(manifest.complete({}))))

    assert "postgres: the services may open" in str(caught.value)
    assert "(web-django 240, " in str(caught.value)
    assert sessions.problem(services(**many, POSTGRES_MEMORY="1500m")) == ""


def test_every_service_with_a_login_says_how_many_sessions_it_opens() -> None:
    entries = services()

    assert [name for name, each in entries.items() if sessions.of_container(each) and sessions.KEY not in each] == []


@pytest.mark.parametrize(
    ("service", "number"),
    [
        ({}, 0),
        ({"x-secrets": {"key": "shop_secret_key"}}, 0),
        ({"x-secrets": {"password": "postgres_shop_password"}}, sessions.UNKNOWN),
        ({"x-environment": {"DATABASE_URL": "{database.url}"}}, sessions.UNKNOWN),
        ({"x-sessions": "7"}, 7),
        ({"x-sessions": "2 * 4"}, 8),
    ],
)
def test_a_login_without_a_number_counts_too(service: Mapping[str, Any], number: int) -> None:
    assert sessions.of_container(service) == number


def test_a_container_more_counts_where_the_new_one_starts_first() -> None:
    first = {"x-sessions": "5", "deploy": {"replicas": 2, "update_config": {"order": "start-first"}}}
    stopped = {"x-sessions": "5", "deploy": {"replicas": 2, "update_config": {"order": "stop-first"}}}

    assert (sessions.of_service(first), sessions.of_service(stopped)) == (15, 10)


def test_one_shots_run_one_after_the_other() -> None:
    jobs = {name: {"restart": "no", "x-sessions": number} for name, number in (("a", "2"), ("b", "3"))}

    assert all(map(is_once, jobs.values()))
    assert sessions.wanted(jobs) == {"one-shots": 3}


@pytest.mark.parametrize("memory", [128, 256, 640, 1024, 4096, 65536])
def test_buffers_and_all_sessions_fit_into_the_container(memory: int) -> None:
    found = sessions.settings(memory)

    number = int(found["max_connections"])
    assert 20 <= number <= 400  # the container may have 512 processes
    assert mib(found["shared_buffers"]) + 2 * number + 3 * mib(found["maintenance_work_mem"]) <= memory
    assert mib(found["effective_cache_size"]) <= memory


def test_too_little_memory_is_refused_with_the_least_that_is_enough() -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        sessions.settings(100)

    assert caught.value.returncode == 78  # EX_CONFIG
    assert (
        caught.value.stderr == "FATAL: configuration: PostgreSQL needs 128 MiB of memory, and its container has 100\n"
    )
