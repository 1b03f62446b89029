"""Each service that runs the site's tasks starts with the variables and secrets of its contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from landfast_runtime.env import EXIT_BAD_CONFIGURATION

from tests import VARIABLES
from tests.test_configuration import SERVICE, run_python

if TYPE_CHECKING:
    from pathlib import Path


class Loader(yaml.SafeLoader):
    """Reads Compose's own tags, such as ``!reset``, as null."""


Loader.add_multi_constructor("!", lambda *_: None)

CONTRACT: dict[str, Any] = yaml.load((SERVICE / "compose.yaml").read_text(encoding="utf-8"), Loader)  # noqa: S506 - safe
SERVICES = {
    name: service for name, service in CONTRACT["services"].items() if "mysite.worker" in service.get("command", [])
}
SHOW = (
    "import json, mysite.worker; from django.conf import settings as s; "
    "print(json.dumps([s.MAILERS.get('default', {}).get('OPTIONS', {}).get('password'), s.DEFAULT_FROM_EMAIL]))"
)


def prepare(service: str, folder: Path) -> dict[str, str]:
    """Write a service's secrets into a folder; return its variables for a mail server with a login."""
    for name in SERVICES[service]["x-secrets"]:
        (folder / name).write_text(f"{name:-<40}", encoding="utf-8")
    return VARIABLES | {
        "SMTP_USER": "hello@example.org",
        "MAIL_FROM": "Shop <hello@example.org>",
        "WORKER_LANE": SERVICES[service]["environment"].get("WORKER_LANE", ""),
        "SECRETS_DIR": str(folder),
    }


def test_workers_of_both_lanes_and_beat_run_the_site_s_tasks() -> None:
    assert set(SERVICES) == {"web-worker", "web-mail", "web-beat"}


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_it_starts_though_the_mail_server_wants_a_login_and_letters_alone_have_the_password(
    service: str, tmp_path: Path
) -> None:
    result = run_python(SHOW, **prepare(service, tmp_path))

    assert result.returncode == 0, result.stderr
    password, sender = json.loads(result.stdout)
    assert (password is not None) == ("smtp_password" in SERVICES[service]["x-secrets"]) == (service == "web-mail")
    if service == "web-mail":
        assert password.startswith("smtp_password")
        assert sender == "Shop <hello@example.org>"


@pytest.mark.slow
def test_letters_do_not_start_without_the_password(tmp_path: Path) -> None:
    variables = prepare("web-mail", tmp_path)
    (tmp_path / "smtp_password").unlink()

    result = run_python("import mysite.worker", **variables)

    assert result.returncode == EXIT_BAD_CONFIGURATION
    assert "smtp_password: secret file" in result.stderr
