"""The WSGI servers have the same names everywhere."""

from __future__ import annotations

import re

import pytest
import yaml  # type: ignore[import-untyped] # Ansible brings it

from cli.settings import ROOT
from tests.images.test_servers import APPLICATIONS
from tests.support.servers import SERVERS

COMMANDS = "libs/runtime/landfast_runtime/servers/commands.py"
PAGE = "docs/how-to/wsgi-servers.md"


def text(path: str) -> str:
    """Return a file's text."""
    return (ROOT / path).read_text(encoding="utf-8")


def test_the_tests_of_images_run_all_servers() -> None:
    table = text(COMMANDS).partition("SERVERS: ")[2]

    assert tuple(re.findall(r'^    "([\w-]+)": Server\(', table, re.MULTILINE)) == SERVERS


@pytest.mark.parametrize(("service", "variable"), APPLICATIONS.items())
def test_an_inventory_may_name_each_server(service: str, variable: str) -> None:
    services = yaml.safe_load(text(f"services/{service}/compose.servers.yaml"))["services"]

    assert tuple(services[service]["x-settings"][variable]["choices"]) == SERVERS


def test_the_page_has_a_row_for_each_server() -> None:
    assert tuple(re.findall(r"^\| `([\w-]+)` \|", text(PAGE), re.MULTILINE)) == SERVERS


@pytest.mark.parametrize("service", APPLICATIONS)
def test_the_default_image_has_no_other_server(service: str) -> None:
    stages = re.split(r"^FROM ", text(f"services/{service}/Dockerfile"), flags=re.MULTILINE)

    assert stages[-1] == "application\n"
    assert (
        "servers"
        not in next(stage for stage in stages if stage.startswith("python AS application")).partition("CMD")[0]
    )
