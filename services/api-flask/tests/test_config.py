from __future__ import annotations

import json
import os
import runpy
from pathlib import Path

import pytest
from api.config import DatabaseSettings, Settings, load_settings
from landfast_runtime.env import ConfigError, Env


def variables(**changes: str) -> dict[str, str]:
    return {**os.environ, **changes}


def test_it_has_defaults_for_all_but_hosts_and_users() -> None:
    settings = Settings.from_env(Env(variables()))

    assert (settings.processes, settings.threads, settings.database.log_level) == (2, 4, "INFO")
    assert settings.database.postgres.password == "not-a-real-postgres_password"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("API_PROCESSES", "0", "at least 1"),
        ("API_THREADS", "many", "whole number"),
        ("API_GROWTH_MB", "-1", "at least 0"),
        ("API_ADDRESS_RATE_LIMIT", "0", "at least 1"),
        ("LOG_LEVEL", "loud", "one of"),
        ("POSTGRES_USER", "", "not set"),
        ("POSTGRES_PORT", "65536", "at most 65535"),
        ("REDIS_PORT", "x", "whole number"),
        ("REDIS_USER", "", "not set"),
    ],
)
def test_it_names_the_variable_that_is_wrong(name: str, value: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as error:
        Settings.from_env(Env(variables(**{name: value})))

    assert error.value.name == name


@pytest.mark.parametrize("name", ["postgres_password", "redis_password"])
def test_it_names_the_secret_that_is_missing(name: str, tmp_path: Path) -> None:
    for other in Path(os.environ["SECRETS_DIR"]).iterdir():
        if other.name != name:
            (tmp_path / other.name).write_bytes(other.read_bytes())

    with pytest.raises(ConfigError, match="missing") as error:
        Settings.from_env(Env(variables(SECRETS_DIR=str(tmp_path))))
    assert error.value.name == name


def test_migrations_need_no_secret_but_the_database_password(tmp_path: Path) -> None:
    (tmp_path / "postgres_password").write_text("0123456789abcdef")
    environment = {"SECRETS_DIR": str(tmp_path), "POSTGRES_USER": "api_owner"}

    settings = DatabaseSettings.from_env(Env(environment))
    assert (settings.postgres.user, settings.postgres.password) == ("api_owner", "0123456789abcdef")


def test_it_stops_with_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_THREADS", "many")

    with pytest.raises(SystemExit) as stopped:
        load_settings()
    assert stopped.value.code == 78
    [line] = capsys.readouterr().err.splitlines()
    assert json.loads(line)["variable"] == "API_THREADS"
    assert json.loads(line)["service"] == "api-flask"


@pytest.mark.filterwarnings("ignore:'api.config' found in sys.modules")
def test_its_settings_can_be_checked_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    runpy.run_module("api.config", run_name="__main__")
    monkeypatch.setenv("API_PROCESSES", "none")

    with pytest.raises(SystemExit):
        runpy.run_module("api.config", run_name="__main__")


def test_no_password_shows_when_settings_are_printed() -> None:
    assert "not-a-real" not in repr(Settings.from_env(Env(variables())))
