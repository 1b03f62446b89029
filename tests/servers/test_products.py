"""Servers can run third-party products from their Compose files."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml  # type: ignore[import-untyped]

from cli.servers import configuration
from cli.servers.manifest import Manifest
from cli.servers.render import Plan, render
from cli.servers.service import Release
from contract.files import HOUSE, LIST
from tests.support import products
from tests.support.stack import ROOT
from tests.support.upgrades import Work

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Return the plan of a deploy of the house with the products."""
    names = ("compose.house.yaml", *products.files(), "compose.servers.yaml", *products.files("compose.servers.yaml"))
    command = ["docker", "compose", f"--project-directory={ROOT}", f"--env-file={os.devnull}"]
    command += [*(f"--file={ROOT / name}" for name in names), "config"]
    said = subprocess.run(command, env=configuration.clean_environment(), capture_output=True, check=True).stdout
    config = yaml.safe_load(said)
    manifest = Manifest.read(products.make_root(tmp_path_factory.mktemp("products")))
    images = {entry["image"]: f"registry/{entry['image']}@sha256:{'0' * 64}" for entry in config["services"].values()}
    return render(config, manifest, Release("abc", "site", images, manifest.versions(manifest.complete({}))))


def stage(plan: Plan, service: str) -> int:
    return next(number for number, names in enumerate(plan.order) if service in names)


@pytest.mark.slow
def test_servers_migrate_a_product_before_visitors_meet_its_release(plan: Plan) -> None:
    for name in products.NAMES:
        assert stage(plan, "postgres") < stage(plan, f"migrate-{name}") < stage(plan, name) < stage(plan, "nginx")
        assert plan.pending[f"migrate-{name}"][-2:] == ["showmigrations", "--plan"]


@pytest.mark.slow
def test_servers_run_a_periodic_command_in_one_container_that_ends_before_the_next_begins(plan: Plan) -> None:
    for name in products.NAMES:
        deploy = plan.stack["services"][f"{name}-periodic"]["deploy"]
        orders = (deploy["update_config"]["order"], deploy["rollback_config"]["order"])

        assert (deploy["replicas"], *orders) == (1, "stop-first", "stop-first")
        assert deploy["restart_policy"]["delay"] == "5m0s"


def test_servers_ask_each_product_at_the_name_that_it_has_there(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.write({HOUSE: (ROOT / HOUSE).read_text(encoding="utf-8"), LIST: f"include:\n  - path:\n      - {HOUSE}\n"})
    products.move_in(work)

    manifest = Manifest.read(tmp_path)

    assert [check["host"] for check in manifest.checks] == [*map(products.host_name, products.NAMES)]
    for name in products.NAMES:
        assert f"set $checked_host {products.host_name(name)};" in manifest.contents["nginx.readiness.conf"]
