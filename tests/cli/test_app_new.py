"""A new application is complete and passes all checks of the repository, or does not exist at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli import devenv, main, suites
from cli.app import forms, lists, names, new
from cli.app.new import NewApplication
from cli.console import StackError
from cli.settings import ROOT
from contract.derived import derive
from contract.files import read
from tests.support import rooms
from tests.support.checkout import copy_checkout

IMAGE = f"registry.example/team/wiki@sha256:{'0' * 64}"
PYTHON = [form for form in forms.FORMS if form != "image"]
#: The environment that these tests run in.
HOST = devenv.Environment(Path(sys.executable), lambda: None)
FORMS = [(form, IMAGE if form == "image" else "") for form in forms.FORMS]


def tree(folder: Path) -> dict[str, bytes]:
    """Return the files in a folder with their contents."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with the files that matter to a new application: the lists, the house, and the applications."""
    root = tmp_path / "my stack"
    for path in (*ROOT.glob("compose*.yaml"), *ROOT.glob("services/*/compose*.yaml")):
        (root / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, root / path.relative_to(ROOT))
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout with two applications of each form: their names sort after and before those of all packages."""
    root = tmp_path_factory.mktemp("checkout")
    copy_checkout(root)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    for form, image in FORMS:
        new.new(NewApplication(f"my-{form}", form, image, 8100), root)
        new.new(NewApplication(f"a{form}", form, image, 8000), root)
    return root


@pytest.mark.parametrize(("form", "image"), FORMS)
def test_its_contract_is_what_the_house_understands(checkout: Path, form: str, image: str) -> None:
    new.new(NewApplication("my-shop", form, image, 8100), checkout)

    derived = derive(read(checkout))

    worker, web = form in {"django", "celery"}, form != "celery"
    servers = derived.contents["nginx.servers.conf"]
    assert ("server_name my-shop.localhost;" in servers, "set $place my-shop:8100;" in servers) == (web, web)
    assert ("my_shop,my_shop,\n" in derived.contents["postgres.databases.csv"]) == (form == "django")
    assert ('"my_shop"' in derived.contents["rabbitmq.users.json"]) == worker
    own = {service for service in derived.consumers if "my-shop" in service}
    expected = {"django": {"my-shop", "my-shop-worker", "migrate-my-shop"}, "celery": {"my-shop-worker"}}
    assert own == expected.get(form, {"my-shop"} if form == "flask" else set())


@pytest.mark.parametrize(
    ("name", "host", "said"),
    [
        (
            "till",
            "shop.example.org",
            "services/my-shop has the host name shop.example.org already\n  choose another",
        ),
        (
            "till",
            "till.localhost",
            "--host till.localhost is given twice, or the application has the name anyway\n  leave it out",
        ),
        ("till", "stack.example.org", "the stack itself (PUBLIC_URL) has the host name stack.example.org already"),
        ("other", "a.example.org", "services/my-shop has the host name other.localhost already"),
    ],
)
def test_no_two_applications_answer_at_one_host(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, name: str, host: str, said: str
) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://stack.example.org")
    new.new(NewApplication("my-shop", "flask", hosts=["shop.example.org", "other.localhost"]), checkout)
    before = tree(checkout)

    with pytest.raises(StackError) as caught:
        new.new(NewApplication(name, "flask", hosts=[host]), checkout)

    assert said in str(caught.value)
    assert tree(checkout) == before


def test_an_application_without_pages_takes_no_host(checkout: Path) -> None:
    new.new(NewApplication("my-shop", "flask", hosts=["till.localhost"]), checkout)

    new.new(NewApplication("till", "celery"), checkout)


@pytest.mark.parametrize(("form", "image"), FORMS)
def test_each_network_that_it_joins_is_declared(checkout: Path, form: str, image: str) -> None:
    new.new(NewApplication("my-shop", form, image), checkout)

    assert rooms.undeclared_networks(checkout / "services/my-shop") == set()


def test_each_service_that_reads_secrets_mounts_the_folder_of_its_name(checkout: Path) -> None:
    new.new(NewApplication("my-shop", "django"), checkout)

    found = rooms.compose_file(checkout / "services/my-shop")["services"]
    services = {name: each for name, each in found.items() if "my-shop" in name}

    assert services
    assert {name: each["volumes"][0]["volume"]["subpath"] for name, each in services.items()} == {
        name: name for name in services
    }


@pytest.mark.slow
def test_compose_understands_it_on_a_laptop_and_on_servers(whole: Path) -> None:
    if shutil.which("docker") is None:
        pytest.skip("Compose is not installed")
    servers = [Path("compose.yaml"), Path("compose.servers.yaml"), *whole.glob("services/*/compose.servers.yaml")]
    for files in ((), tuple(f"--file={path}" for path in servers)):
        command = ["docker", "compose", *files, "config", "--format", "json"]
        printed = subprocess.run(command, cwd=whole, capture_output=True, text=True, check=False)
        assert printed.returncode == 0, printed.stderr
        services = json.loads(printed.stdout)["services"]
        assert {"my-django", "my-django-worker", "migrate-my-django", "my-flask", "my-celery-worker"} <= set(services)
        assert services["my-image"]["image"] == IMAGE
        assert all(services[name]["read_only"] for name in services if "my-" in name)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["ruff", "format", "yamllint"])
def test_linters_find_nothing_in_it(whole: Path, step: str) -> None:
    (command,) = (each.command for each in suites.lint(HOST) if each.name == step)

    done = subprocess.run(command, cwd=whole, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_hadolint_finds_nothing_in_it(whole: Path) -> None:
    recipes = sorted(whole.glob("services/my-*/Dockerfile"))

    done = subprocess.run(HOST.tool("hadolint", *map(str, recipes)), cwd=whole, capture_output=True, check=False)

    assert len(recipes) == len(PYTHON)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("form", PYTHON)
def test_its_own_tests_and_types_pass_and_run_what_they_must(form: str) -> None:
    """The application is in a folder of this checkout: the services' environment sees no other."""
    environment = devenv.services()
    environment.provide()
    room = ROOT / ".cache/rooms" / f"{form}-{os.getpid()}"
    room.parent.mkdir(parents=True, exist_ok=True)
    new.make(room, forms.texts(form, new.placeholders(NewApplication("my-shop", form))))
    try:
        seen = ("--cache-dir", str(suites.SEEN / "mypy" / f"room-{form}"))
        measured = (f"--rcfile={ROOT / 'pyproject.toml'}", f"--data-file={room}/.coverage")
        tests = ("coverage", "run", *measured, "-m", "pytest", "-p", "no:cacheprovider")
        for command in (tests, ("coverage", "report", *measured), (*suites.MYPY, *seen, ".")):
            paths = suites.join(suites.import_paths(room))
            variables = {**os.environ, "PYTHONPATH": paths, "MYPYPATH": paths}
            done = subprocess.run(
                environment.module(*command), cwd=room, env=variables, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        shutil.rmtree(room)


def test_only_its_folder_and_its_lines_on_the_lists_are_new(checkout: Path) -> None:
    before = tree(checkout)

    new.new(NewApplication("shop", "django"), checkout)

    after = tree(checkout)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == set(lists.LISTS)
    assert all(name.startswith("services/shop/") for name in set(after) - set(before))
    for name in changed:
        added = set(after[name].decode().splitlines()) - set(before[name].decode().splitlines())
        assert added == {f"      - services/shop/{name}"}


def test_whoever_it_is_made_by_containers_can_read_it(checkout: Path) -> None:
    mask = os.umask(0o077)
    try:
        new.new(NewApplication("shop", "flask"), checkout)
    finally:
        os.umask(mask)

    room = checkout / "services/shop"
    assert {path.stat().st_mode & 0o777 for path in (room, *room.rglob("*")) if path.is_dir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in room.rglob("*") if path.is_file()} == {0o644}


@pytest.mark.parametrize("fails", ["room", "lists", "interrupted"])
def test_what_fails_on_the_way_leaves_nothing_behind(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    before = tree(checkout)
    written: list[Path] = []

    def full(path: Path, *text: object) -> None:
        written.append(path)
        if fails != "room":
            path.write_bytes(str(text[0]).encode())
        if len(written) == 2:
            raise KeyboardInterrupt if fails == "interrupted" else OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        if fails == "room":
            patch.setattr(os, "chown", full)
            patch.setattr(os, "geteuid", lambda: 0)
        else:
            patch.setattr(lists, "_write", full)
        with pytest.raises(KeyboardInterrupt if fails == "interrupted" else StackError):
            new.new(NewApplication("shop", "django"), checkout)

    assert tree(checkout) == before
    assert not [path for path in (checkout / "services").iterdir() if "shop" in path.name]


def test_an_existing_folder_is_not_touched(checkout: Path) -> None:
    (checkout / "services/shop").mkdir()

    with pytest.raises(StackError, match="services/shop exists already, and is not overwritten"):
        new.new(NewApplication("shop", "django"), checkout)
    with pytest.raises(StackError, match="cannot be made"):
        new.make(checkout / "services/shop", {"a": "b"})

    assert list((checkout / "services/shop").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Shop", "it must have a-z"),
        ("my_shop", "it must have a-z"),
        ("1shop", "it must have a-z"),
        ("shop-", "it must have a-z"),
        ("../shop", "it must have a-z"),
        ("s" * (names.LONGEST + 1), "it must have a-z"),
        ("default", "reserved"),
        ("template1", "reserved"),
        ("pg-shop", "reserved"),
        ("class", "a keyword of Python"),
        ("celery", "uses a package celery"),
        ("django", "uses a package django"),
        ("tests", "the name of a file beside"),
        ("web-django", "services/web-django exists already"),
        ("nginx", "a service nginx already"),
        ("mail", "a service mail already"),
        ("edge", "a network edge already"),
        ("api", "a service api-worker already"),
    ],
)
def test_a_name_that_is_something_else_s_is_refused(checkout: Path, name: str, problem: str) -> None:
    before = tree(checkout)

    with pytest.raises(StackError, match="is not a valid name for an application") as caught:
        new.new(NewApplication(name, "django"), checkout)

    assert problem in str(caught.value)
    assert tree(checkout) == before


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python 3.9 does not know its own modules")
def test_a_name_of_python_s_own_modules_is_refused_where_it_would_be_one(checkout: Path) -> None:
    with pytest.raises(StackError, match="Python has a module calendar"):
        new.new(NewApplication("calendar", "flask"), checkout)

    assert new.new(NewApplication("calendar", "image", IMAGE, 8000), checkout) == 0


def test_a_name_that_a_contract_gives_to_a_role_or_a_user_is_refused(checkout: Path) -> None:
    with pytest.raises(StackError, match="a database, role or vhost operator already"):
        new.new(NewApplication("operator", "image", IMAGE, 8000), checkout)


def test_two_applications_share_no_name(checkout: Path) -> None:
    new.new(NewApplication("my-shop", "django"), checkout)

    with pytest.raises(StackError, match="a service my-shop-worker already"):
        new.new(NewApplication("my-shop-worker", "flask"), checkout)


@pytest.mark.parametrize(
    ("form", "image", "port", "problem"),
    [
        ("image", "", 8000, "--image is missing"),
        ("image", "wiki:latest", 8000, "it must be NAME@sha256:DIGEST"),
        ("flask", IMAGE, 8000, "--image requires --from image"),
        ("flask", "", 80, "--port 80 is invalid"),
    ],
)
def test_options_that_do_not_fit_are_refused(checkout: Path, form: str, image: str, port: int, problem: str) -> None:
    with pytest.raises(StackError, match=problem):
        new.new(NewApplication("shop", form, image, port), checkout)


def test_a_list_in_another_form_is_left_to_its_owner(checkout: Path) -> None:
    (checkout / "compose.yaml").write_text("include: [{path: [compose.house.yaml]}]\n", encoding="utf-8")
    before = tree(checkout)

    with pytest.raises(StackError, match="has an unknown form"):
        new.new(NewApplication("shop", "flask"), checkout)

    assert tree(checkout) == before


def test_the_command_line_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["app", "new", "nginx", "--from", "flask"]) == 1

    assert "./stack: 'nginx' is not a valid name for an application" in capsys.readouterr().err
