"""The news app works in another project, without this project's code and accounts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import news
import pytest
from landfast_testing.postgres import server

pytestmark = pytest.mark.slow  # each starts Python several times

HERE = Path(__file__).parent
APP = Path(news.__file__).parent


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return the folder of a project with only a copy of the app."""
    shutil.copytree(HERE / "bare", tmp_path, dirs_exist_ok=True)
    shutil.copytree(APP, tmp_path / "news")
    return tmp_path


def run(project: Path, *arguments: str, database: str = "bare") -> subprocess.CompletedProcess[str]:
    variables = {"PATH": os.environ["PATH"], "PGHOST": server().host, "PGUSER": server().user, "PGDATABASE": database}
    command = [sys.executable, "-I", "manage.py", *arguments]
    return subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, check=False)


def test_it_works_in_a_bare_project(bare: Path) -> None:
    server().make_database("bare")
    checked = run(bare, "check", "--fail-level=WARNING")
    assert checked.returncode == 0, checked.stderr
    migrated = run(bare, "migrate", "--verbosity=0")
    assert migrated.returncode == 0, migrated.stderr
    seeded = run(bare, "seed_demo", "--articles=30", "--comments=60")
    assert seeded.stdout == "articles made: 30\ncomments made: 60\n", seeded.stderr
    used = run(bare, "use_news")
    assert used.returncode == 0, used.stderr
    assert used.stdout.splitlines() == ["30 articles", "60 comments", "list 200", "detail 200", "draft 404"]


def test_it_wants_no_migration_in_a_bare_project(bare: Path) -> None:
    server().make_database("bare_changes")
    changes = run(bare, "makemigrations", "--check", "--dry-run", database="bare_changes")
    assert changes.returncode == 0, changes.stdout


@pytest.mark.parametrize("app", ["accounts", "news"])
def test_it_names_neither_the_project_nor_the_tasks_in_a_reusable_app(app: str) -> None:
    for path in (APP.parent / app).rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] in (["from"], ["import"]):
                assert words[1].split(".")[0] not in {"mysite", "tasks"}, f"{path}: {line}"
