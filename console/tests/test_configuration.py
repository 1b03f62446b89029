"""The configuration, and the preparation of a release."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from console.management.commands import release
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.test import override_settings
from landfast_runtime.django.management.commands.pending import judged
from landfast_runtime.env import ConfigError, Env, load
from landfast_runtime.schema.pending import refusal

from console import config
from tests import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("COOKIE_SECURE", "maybe", config.Console.from_env),
        ("LOG_LEVEL", "LOUD", config.Console.from_env),
        ("OPERATORS_SECOND_FACTOR", "off", config.Console.from_env),
        ("POSTGRES_USER", "", config.Console.from_env),
        ("RABBITMQ_PORT", "rabbit", config.Dependencies.from_env),
        ("REDIS_CACHE_PORT", "0", config.Dependencies.from_env),
    ],
)
def test_it_names_an_invalid_variable(variable: str, value: str, part: Callable[[Env], object]) -> None:
    with pytest.raises(ConfigError, match=variable):
        part(Env({**VARIABLES, variable: value}))


def derived(folder: Path, **contents: str) -> Env:
    """Return an environment with derived files."""
    for name in ("redis_password", "rabbitmq_password"):
        (folder / name).write_text("x" * 32, encoding="ascii")
    for name in ("readiness", "vhosts", "databases"):
        (folder / f"{name}.json").write_text(contents.get(name, "{}\n"), encoding="ascii")
    return Env({**VARIABLES, "SECRETS_DIR": str(folder)})


@pytest.mark.parametrize("name", ["readiness", "vhosts", "databases"])
def test_it_names_the_derived_file_that_is_broken(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name}\.json"):
        config.Dependencies.from_env(derived(tmp_path, **{name: "{"}))


def test_it_starts_without_any_application(tmp_path: Path) -> None:
    env = derived(tmp_path)

    assert config.Dependencies.from_env(env)
    assert (config.applications(env), config.flowers(env), list(config.databases(env))) == ({}, {}, [])


def test_it_shows_no_secret_in_its_configuration() -> None:
    env = Env(VARIABLES)
    parts = (config.Console.from_env(env), config.Dependencies.from_env(env), config.Operator.from_env(env))
    shown = "".join(map(repr, parts))
    for file in Path(VARIABLES["SECRETS_DIR"]).iterdir():
        if file.name.endswith(("password", "key")):
            assert file.read_text(encoding="utf-8") not in shown


@pytest.mark.slow
def test_it_gathers_static_files_without_any_configuration(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    code = (
        "from pathlib import Path\nfrom console.settings_static import *\n"
        f"STATIC_ROOT = Path({str(tmp_path)!r}) / 'static'\n"
    )
    (tmp_path / "elsewhere.py").write_text(code, encoding="utf-8")
    environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{environment.get('PYTHONPATH', '')}"
    command = [sys.executable, "manage.py", "collectstatic", "--settings=elsewhere", "--noinput", "--verbosity=0"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "static/outbox/admin.css").exists()


@pytest.mark.django_db
def test_it_passes_django_s_own_checks() -> None:
    # As on servers; the tests' own settings are a laptop's.
    with override_settings(SESSION_COOKIE_SECURE=True, CSRF_COOKIE_SECURE=True):
        call_command("check", deploy=True, fail_level="WARNING")


@pytest.mark.django_db
def test_it_has_a_migration_for_every_change_of_a_model() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_it_prepares_a_release_and_changes_nothing_the_second_time() -> None:
    first, second = io.StringIO(), io.StringIO()
    call_command("release", verbosity=0, stdout=first)
    call_command("release", verbosity=0, stdout=second)
    assert "operator operator: made" in first.getvalue()
    assert "operator operator: there already" in second.getvalue()
    assert User.objects.get().is_superuser


@pytest.mark.django_db
def test_it_says_in_one_line_why_a_release_cannot_be_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise OperationalError("connection refused")

    monkeypatch.setattr(release, "call_command", fail)
    with pytest.raises(CommandError, match="the database does not answer: connection refused"):
        call_command("release", verbosity=0)


@pytest.mark.django_db
def test_pending_lists_nothing_once_all_is_migrated() -> None:
    printed = io.StringIO()
    call_command("pending", stdout=printed)
    assert printed.getvalue() == "pending: none\n"


def test_a_bad_value_stops_it_before_it_serves() -> None:
    with pytest.raises(SystemExit):
        load("console", lambda _env: config.Console.from_env(Env({**VARIABLES, "LOG_LEVEL": "LOUD"})))


@pytest.mark.django_db
def test_the_release_before_works_with_the_tables_of_second_factors() -> None:
    executor = MigrationExecutor(connection)
    graph = executor.loader.graph
    plan = [each for each, _ in executor.migration_plan(graph.leaf_nodes(), clean_start=True)]
    new = [each for each in plan if each.app_label in {"account", "mfa", "console"}]
    before = [(each.app_label, each.name) for each in plan if each not in new]
    assert len(new) > 3
    tables = [
        name for name in connection.introspection.table_names() if name.startswith(("account_", "mfa_", "console_"))
    ]
    assert len(tables) > 2
    with connection.cursor() as cursor:  # as in a database of the release before; the test's transaction is undone
        cursor.execute(f"DROP TABLE {', '.join(tables)} CASCADE")

    assert not refusal(judged(new, executor.loader.project_state(before)))
