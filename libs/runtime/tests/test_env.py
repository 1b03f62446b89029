from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from landfast_runtime.env import EXIT_BAD_CONFIGURATION, ConfigError, Env, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_text_is_stripped() -> None:
    assert Env({"NAME": "  value\n"}).text("NAME") == "value"


@pytest.mark.parametrize("variables", [{}, {"NAME": ""}, {"NAME": "   "}])
def test_an_empty_variable_counts_as_unset(variables: dict[str, str]) -> None:
    assert Env(variables).text("NAME", default="fallback") == "fallback"
    with pytest.raises(ConfigError, match="NAME: is not set") as error:
        Env(variables).text("NAME")
    assert error.value.name == "NAME"


def test_an_empty_default_is_a_default() -> None:
    assert Env({}).text("NAME", default="") == ""


def test_text_can_be_limited_to_choices() -> None:
    assert Env({"MODE": "b"}).text("MODE", choices=("a", "b")) == "b"
    with pytest.raises(ConfigError, match="is 'c', must be one of a, b"):
        Env({"MODE": "c"}).text("MODE", choices=("b", "a"))


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("-3", -3), (" 42 ", 42), ("+7", 7)])
def test_a_whole_number_is_read(text: str, number: int) -> None:
    assert Env({"N": text}).integer("N") == number


@pytest.mark.parametrize("text", ["x", "1.5", "1e3", "0x10", "1 2"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="must be a whole number"):
        Env({"N": text}).integer("N")


def test_bounds_of_a_number_are_inclusive() -> None:
    env = Env({"LOW": "1", "HIGH": "9"})

    assert env.integer("LOW", minimum=1, maximum=9) == 1
    assert env.integer("HIGH", minimum=1, maximum=9) == 9
    with pytest.raises(ConfigError, match="is 1, must be at least 2"):
        env.integer("LOW", minimum=2)
    with pytest.raises(ConfigError, match="is 9, must be at most 8"):
        env.integer("HIGH", maximum=8)


def test_a_default_of_zero_is_a_default() -> None:
    assert Env({}).integer("N", default=0) == 0


@pytest.mark.parametrize(
    ("text", "truth"),
    [("1", True), ("TRUE", True), ("Yes", True), ("on", True), ("0", False), ("False", False), ("no", False)],
)
def test_a_truth_value_is_read_in_any_case(text: str, truth: bool) -> None:  # noqa: FBT001 - the tested type
    assert Env({"FLAG": text}).boolean("FLAG") is truth


def test_a_truth_value_has_defaults() -> None:
    assert Env({}).boolean("FLAG", default=True) is True
    assert Env({"FLAG": ""}).boolean("FLAG", default=False) is False


def test_what_is_no_truth_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="is 'maybe', must be true or false"):
        Env({"FLAG": "maybe"}).boolean("FLAG")


def test_words_lose_blanks_and_empty_parts() -> None:
    assert Env({"HOSTS": " a, b ,,c,"}).words("HOSTS") == ("a", "b", "c")
    assert Env({}).words("HOSTS", default="") == ()


def test_a_secret_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("0123456789abcdef\n")

    assert Env({"SECRETS_DIR": str(tmp_path)}).secret("password") == "0123456789abcdef"


def test_a_secret_is_never_taken_from_a_variable(tmp_path: Path) -> None:
    env = Env({"SECRETS_DIR": str(tmp_path), "password": "of-the-environment", "PASSWORD": "of-the-environment"})

    with pytest.raises(ConfigError, match="is missing"):
        env.secret("password")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda _: None, "is missing"),
        (lambda path: path.write_text(""), "is empty"),
        (lambda path: path.write_text(" \n"), "is empty"),
        (lambda path: path.write_text("hunter2"), "fewer than 16 characters"),
        (lambda path: path.write_bytes(b"\xff" * 20), "cannot be read: is not UTF-8 text"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
    ],
    ids=["missing", "empty", "blank", "short", "binary", "directory"],
)
def test_a_damaged_secret_is_named_and_never_quoted(
    tmp_path: Path, make: Callable[[Path], object], problem: str
) -> None:
    make(tmp_path / "password")

    with pytest.raises(ConfigError, match=problem) as error:
        Env({"SECRETS_DIR": str(tmp_path)}).secret("password")
    assert error.value.name == "password"
    assert "hunter2" not in str(error.value)


def test_an_optional_secret_may_be_missing_and_not_damaged(tmp_path: Path) -> None:
    env = Env({"SECRETS_DIR": str(tmp_path)})
    assert env.optional_secret("key") is None

    (tmp_path / "key").write_text("hunter2")
    assert env.optional_secret("key", minimum_length=7) == "hunter2"
    with pytest.raises(ConfigError, match="fewer than 16 characters"):
        env.optional_secret("key")


def test_a_derived_file_is_a_json_object_of_any_length(tmp_path: Path) -> None:
    (tmp_path / "vhosts.json").write_text("{}\n")

    assert Env({"SECRETS_DIR": str(tmp_path)}).derived("vhosts.json") == {}


@pytest.mark.parametrize("content", ["", "{", "[]", "1"])
def test_a_derived_file_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "vhosts.json").write_text(content)

    with pytest.raises(ConfigError, match=r"vhosts\.json: (must be a JSON object|secret file .* is empty)"):
        Env({"SECRETS_DIR": str(tmp_path)}).derived("vhosts.json")


def test_the_process_environment_is_read_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDFAST_TEST", "here")

    assert Env().text("LANDFAST_TEST") == "here"


def test_settings_are_built_from_the_variables() -> None:
    assert load("service", lambda env: env.integer("N"), {"N": "3"}) == 3


def test_a_bad_setting_stops_the_process_with_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        load("service", lambda env: env.integer("N"), {"N": "x"})

    assert stopped.value.code == EXIT_BAD_CONFIGURATION == 78
    [line] = capsys.readouterr().err.splitlines()
    document = json.loads(line)
    assert (document["level"], document["service"], document["variable"]) == ("critical", "service", "N")
    assert document["message"] == "configuration: N: is 'x', must be a whole number"


def test_the_line_names_the_service_where_containers_share_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load("worker", lambda env: env.integer("N"), {"N": "x", "SERVICE_NAME": "web-mail"})

    assert json.loads(capsys.readouterr().err)["service"] == "web-mail"


def test_all_problems_are_told_at_once_and_one_of_each_variable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(env: Env) -> object:
        return (
            env.text("USER"),
            env.text("MODE", choices=("a", "b")),
            env.integer("PORT"),
            env.integer("THREADS", minimum=1),
            env.boolean("FLAG"),
            env.words("HOSTS", default="a"),
            env.secret("password"),
            env.refuse("OWN", "makes no sense", instead=None),
        )

    variables = {"MODE": "c", "THREADS": "0", "FLAG": "maybe", "SECRETS_DIR": str(tmp_path)}
    with pytest.raises(SystemExit) as stopped:
        load("service", build, variables)

    assert stopped.value.code == EXIT_BAD_CONFIGURATION
    told = {line["variable"]: line["message"] for line in map(json.loads, capsys.readouterr().err.splitlines())}
    assert told == {
        "USER": "configuration: USER: is not set; .env.example explains it",
        "MODE": "configuration: MODE: is 'c', must be one of a, b",
        "PORT": "configuration: PORT: is not set; .env.example explains it",
        "THREADS": "configuration: THREADS: is 0, must be at least 1",
        "FLAG": "configuration: FLAG: is 'maybe', must be true or false",
        "password": f"configuration: password: secret file {tmp_path}/password is missing",
        "OWN": "configuration: OWN: makes no sense",
    }


def test_a_problem_that_ends_the_reading_comes_after_those_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    def build(env: Env) -> object:
        env.integer("N")
        raise ConfigError("OTHER", "is of no use")

    with pytest.raises(SystemExit):
        load("service", build, {"N": "x"})
    assert [json.loads(line)["variable"] for line in capsys.readouterr().err.splitlines()] == ["N", "OTHER"]
