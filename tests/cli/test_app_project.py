"""A Django project that was there before moves into a room: its files stay, and containers get what they need."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli import devenv
from cli.app import forms, new, project
from cli.app.new import NewApplication
from cli.console import StackError
from cli.settings import ROOT
from contract.derived import derive
from contract.files import read
from tests.support import django_project, rooms

#: Files of a project that have no place in an image, or in a repository.
PRIVATE = ("db.sqlite3", ".env", ".git/config", "venv/bin/python", "shop/__pycache__/urls.pyc", "shop/.env.local")
#: What a container has in place of a laptop's settings, printed by a process that runs with them.
LOOK = """
import django, json
django.setup()
from django.conf import settings
from django.test import Client
print(json.dumps({
    "debug": settings.DEBUG, "hosts": settings.ALLOWED_HOSTS, "broker": settings.CELERY_BROKER_URL,
    "database": settings.DATABASES["default"]["HOST"], "apps": "django.contrib.admin" in settings.INSTALLED_APPS,
    "static": "whitenoise" in settings.STORAGES["staticfiles"]["BACKEND"],
    "healthz": Client().get("/healthz", headers={"host": "127.0.0.1"}).content.decode(),
    "page": Client().get("/admin/login/", headers={"host": "stranger.example"}).status_code,
    "smoke": "csrfmiddlewaretoken" in Client().get("/admin/login/", headers={"host": "shop.localhost"}).text,
}))
"""
GIVEN = {
    "DATABASE_HOST": "postgres",
    "CELERY_BROKER_URL": "amqp://shop@rabbitmq/shop",
    "ALLOWED_HOSTS": "shop.localhost,shop.example.org",
    "SECRET_KEY": "of the tests",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files into a folder, and return it."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``django-admin startproject shop`` makes, and a task."""
    return django_project.make(tmp_path_factory.mktemp("projects"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that new applications look at, without the demo's rooms."""
    root = tmp_path / "my stack"
    (root / "services").mkdir(parents=True)
    for name in ("compose.house.yaml", "compose.laptop.yaml"):
        shutil.copy2(ROOT / name, root / name)
    (root / "compose.yaml").write_text("include:\n  - path:\n      - compose.house.yaml\n", encoding="utf-8")
    return root


@pytest.fixture
def code(started: Path, tmp_path: Path) -> Path:
    """The project's folder, with what its owner keeps there besides."""
    folder = shutil.copytree(started, tmp_path / "code")
    return write(folder, dict.fromkeys(PRIVATE, "secret") | {"shop/static/style.css": "body {}", "README": "Mine."})


def made(checkout: Path, code: Path, *hosts: str) -> Path:
    """Return the room of an application that is made of a project."""
    new.new(NewApplication("my-shop", "django", hosts=hosts, code=str(code)), checkout)
    return checkout / "services/my-shop"


def test_the_project_s_files_come_as_they_are_and_private_ones_stay_away(checkout: Path, code: Path) -> None:
    before = {path: path.read_bytes() for path in code.rglob("*") if path.is_file()}

    room = made(checkout, code)

    wanted = {path.relative_to(code) for path in before} - {(code / name).relative_to(code) for name in PRIVATE}
    assert {path: (room / path).read_bytes() for path in wanted} == {path: before[code / path] for path in wanted}
    assert [name for name in PRIVATE if (room / name).exists()] == []
    assert {path: path.read_bytes() for path in code.rglob("*") if path.is_file()} == before


def test_its_scripts_can_be_run_and_its_other_files_be_read_by_others(checkout: Path, code: Path) -> None:
    for name in ("manage.py", "README"):
        (code / name).chmod(0o600)

    room = made(checkout, code)

    assert {name: (room / name).stat().st_mode & 0o777 for name in ("manage.py", "README")} == {
        "manage.py": 0o755,
        "README": 0o644,
    }


def test_its_contract_is_what_the_house_understands(checkout: Path, code: Path) -> None:
    made(checkout, code, "shop.example.org")

    derived = derive(read(checkout))

    assert "server_name my-shop.localhost shop.example.org;" in derived.contents["nginx.servers.conf"]
    own = {service for service in derived.consumers if "my-shop" in service}
    assert own == {"my-shop", "my-shop-worker", "migrate-my-shop"}
    assert "ALLOWED_HOSTS='my-shop.localhost,shop.example.org'" in derived.contents["my-shop.with-environment"]
    assert rooms.undeclared_networks(checkout / "services/my-shop") == set()


def test_a_project_without_tasks_gets_no_worker(checkout: Path, code: Path) -> None:
    (code / "shop/celery.py").unlink()

    room = made(checkout, code)

    assert {service for service in derive(read(checkout)).consumers if "my-shop" in service} == {
        "my-shop",
        "migrate-my-shop",
    }
    assert "worker" not in (room / "compose.servers.yaml").read_text(encoding="utf-8")
    assert rooms.undeclared_networks(room) == set()


@pytest.mark.parametrize(
    ("urls", "smoke"),
    [
        (None, {"/admin/login/": {"contains": "csrfmiddlewaretoken"}}),
        ("path('back/office/', admin.site.urls),", {"/back/office/login/": {"contains": "csrfmiddlewaretoken"}}),
        ("# path('admin/', admin.site.urls),", {}),
        ("urlpatterns = i18n_patterns(\n    path('admin/', admin.site.urls),\n)", {}),
        ("path('/admin/', admin.site.urls),", {}),
        ("path('büro/', admin.site.urls),", {}),
        ("urlpatterns = []", {}),
    ],
)
def test_it_is_asked_for_a_page_that_is_sure_to_answer(
    checkout: Path, code: Path, urls: str | None, smoke: dict[str, object]
) -> None:
    """The start page of a new project is there with ``DEBUG`` alone."""
    if urls is not None:
        write(code, {"shop/urls.py": urls})

    room = made(checkout, code)

    assert rooms.compose_file(room)["x-landfast"]["http"]["smoke"] == smoke
    assert {each["path"] for each in derive(read(checkout)).checks} == set(smoke)


def test_a_project_that_sends_visitors_to_https_is_asked_for_no_page(checkout: Path, code: Path) -> None:
    write(code, {"shop/secure.py": "SECURE_SSL_REDIRECT = True\n"})

    assert rooms.compose_file(made(checkout, code))["x-landfast"]["http"]["smoke"] == {}


def test_its_package_is_found_whatever_the_application_is_called(checkout: Path, code: Path) -> None:
    room = made(checkout, code)

    compose = (room / "compose.yaml").read_text(encoding="utf-8")
    assert "--app=shop, worker" in compose
    assert "celery --app=shop inspect" in compose
    assert 'wsgi_app = "shop.wsgi"' in (room / "gunicorn.conf.py").read_text(encoding="utf-8")
    assert "ENV DJANGO_SETTINGS_MODULE=shop.settings_container\n" in (room / "Dockerfile").read_text(encoding="utf-8")
    override = (room / "compose.override.yaml").read_text(encoding="utf-8")
    assert "DJANGO_SETTINGS_MODULE: shop.settings_laptop" in override


def test_a_project_with_a_folder_of_settings_is_understood(checkout: Path, code: Path) -> None:
    (code / "shop/settings").mkdir()
    (code / "shop/settings.py").rename(code / "shop/settings/dev.py")
    manage = (code / "manage.py").read_text(encoding="utf-8")
    (code / "manage.py").write_text(manage.replace("shop.settings", "shop.settings.dev"), encoding="utf-8")

    room = made(checkout, code)

    assert "from .settings.dev import *" in (room / "shop/settings_container.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(("module", "debug"), [("settings_container", False), ("settings_laptop", True)])
def test_its_settings_hold_in_a_container(started: Path, module: str, debug: bool) -> None:  # noqa: FBT001 - a case
    """In a folder of this checkout: the services' environment sees no other."""
    environment = devenv.services()
    environment.provide()
    room = ROOT / ".cache/rooms" / f"project-{os.getpid()}"
    room.parent.mkdir(parents=True, exist_ok=True)
    own = project.read(started, ROOT)
    wanted = new.placeholders(NewApplication("shop", "django"), own)
    new.make(room, own.texts(forms.project_texts(wanted, worker=True)), own)
    try:
        done = subprocess.run(
            environment.module("django", "shell", "--no-imports", "--command", LOOK),
            cwd=room,
            env={**os.environ, **GIVEN, "DJANGO_SETTINGS_MODULE": f"shop.{module}", "PYTHONPATH": str(room)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(room)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "debug": debug,
        "hosts": ["shop.localhost", "shop.example.org", "127.0.0.1"],
        "broker": GIVEN["CELERY_BROKER_URL"],
        "database": "postgres",
        "apps": True,
        "static": True,
        "healthz": "ok\n",
        "page": 400,
        "smoke": True,
    }


def test_linters_leave_its_style_alone_and_see_its_errors(checkout: Path, code: Path) -> None:
    shutil.copy2(ROOT / "pyproject.toml", checkout)
    write(code, {"shop/old.py": "import os\nprint( 'an old style' )\nnobody\n"})

    made(checkout, code)

    ruff = Path(sys.executable).with_name("ruff")
    found = subprocess.run(
        [ruff, "check", "--output-format=concise", "services"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert {line.split()[1] for line in found.stdout.splitlines() if ".py:" in line} == {"F401", "F821"}, found.stdout
    assert subprocess.run([ruff, "format", "--check", "services"], cwd=checkout, check=False).returncode == 0


def test_a_style_of_its_own_stays(checkout: Path, code: Path) -> None:
    write(code, {"pyproject.toml": "[tool.ruff]\n"})

    assert not (made(checkout, code) / "ruff.toml").exists()


def test_a_project_s_own_packages_are_to_be_locked_with_those_that_containers_need(
    checkout: Path, code: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(code, {"requirements.txt": "django==5.2.1\nPsycopg[binary] >= 3.2 # the database\nrequests\n"})

    room = made(checkout, code)

    listed = (room / "requirements.in").read_text(encoding="utf-8").splitlines()
    assert listed[:3] == ["django==5.2.1", "Psycopg[binary] >= 3.2 # the database", "requests"]
    assert {line.partition(">")[0] for line in listed[4:]} == {"gunicorn", "whitenoise"}
    assert not (room / "requirements.txt").exists()
    assert "tests/lock locks its packages, services/my-shop/requirements.in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("without", "files", "problem"),
    [
        ("manage.py", {}, "is not a Django project: it has no manage.py that names its settings"),
        ("shop/wsgi.py", {}, "shop/wsgi.py is missing, and gunicorn runs it"),
        (
            "",
            {"Dockerfile": "FROM scratch\n", "compose.yaml": "services: {}\n"},
            "added: Dockerfile, compose.yaml",
        ),
    ],
)
def test_what_cannot_move_in_is_refused_and_nothing_is_made(
    checkout: Path, code: Path, without: str, files: dict[str, str], problem: str
) -> None:
    write(code, files)
    if without:
        (code / without).unlink()

    with pytest.raises(StackError, match=problem):
        made(checkout, code)

    assert list((checkout / "services").iterdir()) == []


def test_a_list_of_packages_that_is_no_text_is_named(checkout: Path, code: Path) -> None:
    (code / "requirements.txt").write_text("django==5.2.1", encoding="utf-16")

    with pytest.raises(StackError, match=r"requirements\.txt is not encoded in UTF-8"):
        made(checkout, code)


def test_a_project_around_the_checkout_is_not_copied_into_it(checkout: Path, code: Path) -> None:
    shutil.copytree(code, checkout.parent, dirs_exist_ok=True)

    with pytest.raises(StackError, match="would be copied into itself"):
        made(checkout, checkout.parent)

    assert list((checkout / "services").iterdir()) == []


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (NewApplication("shop", "flask", code="."), "--code requires --from django, not flask"),
        (
            NewApplication("shop", "django", hosts=["https://shop.example.org"]),
            "--host https://shop.example.org is not valid",
        ),
        (
            NewApplication("shop", "celery", hosts=["shop.example.org"]),
            "--host requires an application with pages",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(checkout: Path, wanted: NewApplication, problem: str) -> None:
    with pytest.raises(StackError, match=problem):
        new.new(wanted, checkout)
