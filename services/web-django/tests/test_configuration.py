"""The service's configuration from its environment, and its dependencies."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from landfast_runtime.env import EXIT_BAD_CONFIGURATION, ConfigError, Env, load
from mysite import settings_static
from mysite.config import Administrator, Site

from tests import VARIABLES

if TYPE_CHECKING:
    from django.test import Client

SERVICE = Path(__file__).parent.parent


def site(**changes: str) -> Site:
    return Site.from_env(Env(VARIABLES | changes))


def test_it_has_defaults_that_are_safe_on_a_server() -> None:
    found = site(COOKIE_SECURE="")
    assert found.cookie_secure
    assert not found.live_reload
    assert not found.debug_pages
    assert found.public_url == "http://localhost:8080"
    assert found.allowed_hosts == ("localhost", "127.0.0.1", "[::1]")
    assert (found.workers, found.threads) == (2, 4)


def test_it_allows_the_public_host_and_its_own_health_check() -> None:
    found = site(PUBLIC_URL="https://www.example.org/", ALLOWED_HOSTS="example.org, shop.example.org")
    assert found.public_url == "https://www.example.org"
    assert found.allowed_hosts == ("example.org", "shop.example.org", "www.example.org", "127.0.0.1")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:8080", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:8080", True),
        ("https://www.example.org", False),
        ("http://localhost.example.org", False),
    ],
)
def test_it_shows_tracebacks_to_visitors_of_this_machine_alone(url: str, shown: bool) -> None:  # noqa: FBT001
    assert site(PUBLIC_URL=url, DEBUG_PAGES="true").debug_pages is shown


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PUBLIC_URL", "localhost:8080"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https://example.org/shop"),
        ("PUBLIC_URL", "https://example.org:port"),
        ("PUBLIC_URL", "http://a b"),
        ("PUBLIC_URL", "http://u:p@x.y"),
        ("PUBLIC_URL", "http://example.org?q=1"),
        ("ALLOWED_HOSTS", "example.org,http://example.org"),
        ("ALLOWED_HOSTS", "example.org:8080"),
        ("ALLOWED_HOSTS", "example.org www.example.org"),
        ("ALLOWED_HOSTS", "u:p@example.org"),
        ("COOKIE_SECURE", "maybe"),
        ("LIVE_RELOAD", "2"),
        ("DEBUG_PAGES", "yes please"),
        ("LOG_LEVEL", "LOUD"),
        ("WEB_WORKERS", "0"),
        ("WEB_THREADS", "many"),
        ("WEB_GROWTH_MB", "-1"),
        ("LETTERS_PER_HOUR", "0"),
        ("POSTGRES_USER", ""),
        ("POSTGRES_PORT", "65536"),
        ("REDIS_CACHE_PORT", "redis"),
        ("REDIS_USER", ""),
    ],
)
def test_it_names_the_variable_that_makes_no_sense(variable: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        site(**{variable: value})
    assert caught.value.name == variable


@pytest.mark.parametrize(
    ("secret", "part"),
    [
        ("django_secret_key", Site),
        ("postgres_password", Site),
        ("redis_password", Site),
        ("admin_password", Administrator),
    ],
)
def test_it_names_the_secret_that_is_empty(secret: str, part: type[Site | Administrator], tmp_path: Path) -> None:
    for path in Path(VARIABLES["SECRETS_DIR"]).iterdir():
        (tmp_path / path.name).write_text("" if path.name == secret else "s" * 40, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        part.from_env(Env(VARIABLES | {"SECRETS_DIR": str(tmp_path)}))
    assert caught.value.name == secret


def test_it_names_everything_that_makes_no_sense_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = {
        "PUBLIC_URL": "http://[",
        "ALLOWED_HOSTS": "a b",
        "WEB_THREADS": "0",
        "POSTGRES_USER": "",
        "MEDIA_STORAGE": "ftp://pictures",
    }
    with pytest.raises(SystemExit):
        load("web-django", Site.from_env, VARIABLES | bad | {"SECRETS_DIR": str(tmp_path)})
    named = [json.loads(line)["variable"] for line in capsys.readouterr().err.splitlines()]
    assert sorted(named) == sorted([*bad, "django_secret_key", "postgres_password", "redis_password"])


def test_it_shows_no_secret_in_its_configuration() -> None:
    shown = repr(site()) + repr(Administrator.from_env(Env(VARIABLES)))
    for path in Path(VARIABLES["SECRETS_DIR"]).iterdir():
        assert path.read_text(encoding="utf-8") not in shown


def run_python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of Python in a new process, with only these variables."""
    environment = {"PYTHONPATH": ":".join(sys.path), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=SERVICE, env=environment, capture_output=True, text=True, check=False
    )


def test_it_stops_at_the_start_with_one_line() -> None:
    result = run_python("import mysite.wsgi", **(VARIABLES | {"POSTGRES_USER": ""}))
    assert result.returncode == EXIT_BAD_CONFIGURATION
    assert result.stderr.count("\n") == 1
    assert "POSTGRES_USER: is not set" in result.stderr


@pytest.mark.slow
def test_pages_need_neither_the_broker_nor_redis_results() -> None:
    nobody = {name: "" for name in VARIABLES if name.startswith("RABBITMQ_") or name in {"REDIS_HOST", "REDIS_PORT"}}
    result = run_python("import mysite.wsgi", **(VARIABLES | nobody))
    assert result.returncode == 0, result.stderr


def test_it_shows_edits_at_once_when_asked_to_reload() -> None:
    code = (
        "from mysite import settings as s; print(s.DEBUG, s.TEMPLATES[0]['OPTIONS']['loaders'][0], "
        "s.STORAGES['staticfiles']['BACKEND'], s.WHITENOISE_USE_FINDERS)"
    )
    shown = run_python(code, **(VARIABLES | {"LIVE_RELOAD": "true"})).stdout.split()
    assert shown == [
        "False",
        "django.template.loaders.filesystem.Loader",
        "django.contrib.staticfiles.storage.StaticFilesStorage",
        "True",
    ]


@pytest.mark.slow
def test_it_gathers_static_files_without_any_configuration(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from mysite import settings_static; "
        f"settings_static.STATIC_ROOT = Path({str(tmp_path)!r}); "
        "import django; django.setup(); from django.core.management import call_command; "
        "call_command('collectstatic', interactive=False, verbosity=0)"
    )
    result = run_python(code, DJANGO_SETTINGS_MODULE="mysite.settings_static")
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.glob("mysite/site.*.css.gz"))


def test_it_cannot_serve_with_the_settings_that_need_no_secret() -> None:
    assert not hasattr(settings_static, "SECRET_KEY")
    assert not hasattr(settings_static, "ROOT_URLCONF")


@pytest.mark.parametrize("app", ["news", "accounts"])
def test_it_keeps_apps_reusable(app: str) -> None:
    for path in (SERVICE / app).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] == "mysite"], path


@pytest.mark.django_db
def test_it_has_a_migration_for_every_change_of_a_model() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_it_passes_django_s_own_checks() -> None:
    # As on servers: with cookies for HTTPS alone, and without the mailer of tests.
    with override_settings(SESSION_COOKIE_SECURE=True, CSRF_COOKIE_SECURE=True, MAILERS={"default": {}}):
        call_command("check", deploy=True, fail_level="WARNING")


@pytest.mark.django_db
def test_it_sends_cookies_only_over_tls_where_told(client: Client) -> None:
    assert not settings.SESSION_COOKIE_SECURE
    assert not client.get("/accounts/login/").cookies["csrftoken"]["secure"]
    code = "from mysite import settings as s; print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"
    assert run_python(code, **(VARIABLES | {"COOKIE_SECURE": "true"})).stdout.split() == ["True", "True"]
