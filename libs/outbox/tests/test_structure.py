"""The package's structure: a core without frameworks, an adapter for each, and one place for SQL."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import landfast_outbox
import pytest
from landfast_testing.waiting import DEADLINE

ROOT = Path(landfast_outbox.__path__[0])

FRAMEWORKS = {"celery", "django", "dramatiq", "sqlalchemy"}

#: Adapters, with the frameworks that they import; Alembic, which creates the tables, is built upon SQLAlchemy.
ADAPTERS = {
    "landfast_outbox.actors": {"dramatiq"},
    "landfast_outbox.by_name": {"celery"},
    "landfast_outbox.celery": {"celery"},
    "landfast_outbox.celery_messages": {"celery"},
    "landfast_outbox.django": {"django"},
    "landfast_outbox.dramatiq": set[str](),
    "landfast_outbox.migrations": {"sqlalchemy"},
    "landfast_outbox.psycopg": set[str](),
    "landfast_outbox.schema": {"sqlalchemy"},
    "landfast_outbox.sqlalchemy": {"sqlalchemy"},
}

#: The packages that execute statements.
SQL = ("landfast_outbox.store", "landfast_outbox.migrations")


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


CORE = [name for name in MODULES if not within(name, *ADAPTERS) and name != "landfast_outbox.__main__"]


def imported(tree: ast.Module) -> set[str]:
    """Return a module's imports, including those for type checkers only."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "imports are absolute"
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in named}
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of a circle; an empty list without one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def frameworks_after(*modules: str) -> set[str]:
    """Return the frameworks that a new process has loaded after it imported the modules."""
    script = f"import sys, {', '.join(modules)}; print(*sorted({FRAMEWORKS!r} & sys.modules.keys()))"
    ended = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=2 * DEADLINE
    )
    return set(ended.stdout.split())


def test_the_core_brings_in_no_framework() -> None:
    assert len(CORE) > 20
    assert frameworks_after(*CORE) == set()


@pytest.mark.parametrize("name", CORE)
def test_a_module_of_the_core_names_no_framework(name: str) -> None:
    roots = {each.partition(".")[0] for each in imported(MODULES[name])}
    assert roots.isdisjoint(FRAMEWORKS)
    assert not [each for each in imported(MODULES[name]) if within(each, *ADAPTERS)], "the core knows no adapter"


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_names_its_own_framework_alone(adapter: str) -> None:
    modules = [tree for name, tree in MODULES.items() if within(name, adapter)]
    roots = {each.partition(".")[0] for tree in modules for each in imported(tree)}
    assert roots & FRAMEWORKS == ADAPTERS[adapter]


def test_no_module_is_in_a_circle_of_imports() -> None:
    graph = {name: imported(tree) & MODULES.keys() for name, tree in MODULES.items()}
    assert "landfast_outbox.monitor" in graph["landfast_outbox.relays"], "imports are seen"
    assert circle(graph) == []
    assert circle({**graph, "landfast_outbox.monitor": {"landfast_outbox.relays"}}), "circles are seen"


def test_statements_are_executed_in_one_place() -> None:
    executing = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"execute", "executemany", "exec_driver_sql"}
    }
    assert "landfast_outbox.store.workers" in executing, "statements are seen"
    assert [name for name in sorted(executing) if not within(name, *SQL)] == []
