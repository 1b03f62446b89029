"""Headers and limits of Nginx are set in one place, and each location with own error pages has that of the limits."""

from __future__ import annotations

import re
import subprocess
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.contracts import repository

ROOT = Path(__file__).parents[2]
NGINX = ROOT / "nginx"
HEADERS, DEFAULTS = NGINX / "snippets/security-headers.conf", NGINX / "snippets/header-defaults.conf"
CONFIGURATION = sorted(path for path in NGINX.rglob("*.conf"))
#: Servers that no visitor reaches.
INNER = {"readiness.conf", "pages.conf"}


def test_headers_are_set_in_one_file() -> None:
    derived = [text for name, text in repository().contents.items() if name.startswith("nginx.")]
    others = [path.read_text(encoding="utf-8") for path in CONFIGURATION if path != HEADERS]

    assert not [text for text in [*others, *derived] if re.search(r"^ *add_header ", text, re.MULTILINE)], (
        "an add_header in a location drops all inherited ones"
    )


def test_each_header_has_a_default_that_is_empty_if_the_service_sent_it() -> None:
    added = dict(re.findall(r"^add_header (\S+) \$(\w+) always;$", HEADERS.read_text(encoding="utf-8"), re.MULTILINE))
    found = re.findall(r"^map (\S+) \$(\w+) {", DEFAULTS.read_text(encoding="utf-8"), re.MULTILINE)
    maps = {name: source for source, name in found}

    assert len(added) >= 11
    for header, variable in added.items():
        sent = f"$sent_http_{header.lower().replace('-', '_')}"
        assert sent in maps[variable] or header == "Retry-After", f"{header} would be sent twice"


@pytest.mark.parametrize("page", sorted(NGINX.glob("pages/*.html")), ids=lambda page: page.name)
def test_the_style_of_a_page_is_allowed_by_its_hash(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("\n<style>\n</style>\n") == 1, "nginx/Dockerfile puts style.css there"
    style = f"\n{page.with_name('style.css').read_text(encoding='utf-8')}"
    digest = b64encode(sha256(style.encode()).digest()).decode()

    assert f"'sha256-{digest}'" in DEFAULTS.read_text(encoding="utf-8")
    assert not re.search(r"<script| style=| on\w+=", text)


def test_a_location_with_error_pages_has_that_of_the_limits() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in CONFIGURATION if path.name not in INNER}
    files["locations.conf"] = repository().contents["nginx.locations.conf"]
    blocks = [
        block
        for text in files.values()
        for block in re.findall(r"^ *location [^\n]*{\n(?:[^}]*)}", text, re.MULTILINE)
        if re.search(r"error_page 50", block) and "include snippets/uploads.conf" not in block
    ]

    assert len(blocks) >= 4
    assert [block for block in blocks if "error_page 429" not in block] == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"EDGE_WRITE_RATE": "ten"}, 'EDGE_WRITE_RATE must be a whole number, not "ten"'),
        ({"EDGE_QUIC_PORT": "on"}, 'EDGE_QUIC_PORT must be a number, or empty, not "on"'),
        ({"EDGE_CONNECTIONS": "-1"}, 'EDGE_CONNECTIONS must be a whole number, not "-1"'),
        ({"EDGE_LOG_RATE": "1k"}, 'EDGE_LOG_RATE must be a whole number, not "1k"'),
        ({"HTTPS_ONLY": "true", "HSTS": "max-age=1; x"}, 'HSTS must be like "max-age=31536000; includeSubDomains"'),
    ],
)
def test_a_setting_of_the_edge_that_is_wrong_is_named(tmp_path: Path, variables: dict[str, str], said: str) -> None:
    run = start(tmp_path, variables)

    assert run.returncode == 1
    assert said in run.stderr


@pytest.mark.parametrize(
    ("variables", "limits", "strict"),
    [
        ({}, ["rate=10r/s", "burst=50", "visitors 200"], ""),
        ({"EDGE_WRITE_RATE": "0", "EDGE_CONNECTIONS": "0"}, [], ""),
        ({"EDGE_WRITE_BURST": "0"}, ["rate=10r/s", "zone=writes nodelay", "visitors 200"], ""),
        ({"HTTPS_ONLY": "true"}, ["rate=10r/s"], "max-age=31536000"),
        ({"HTTPS_ONLY": "true", "HSTS": ""}, ["rate=10r/s"], ""),
        ({"HTTPS_ONLY": "true", "HSTS": "max-age=5; preload"}, [], "max-age=5; preload"),
    ],
)
def test_settings_become_limits_and_headers(
    tmp_path: Path, variables: dict[str, str], limits: list[str], strict: str
) -> None:
    assert start(tmp_path, variables).returncode == 0

    written = (tmp_path / "tmp/limits.conf").read_text()
    assert [limit for limit in limits if limit not in written] == []
    assert bool(written) == (variables.get("EDGE_CONNECTIONS") != "0")
    assert f'default "{strict}";' in (tmp_path / "tmp/strict-transport.conf").read_text()


#: A container of a server, with the host's sockets.
SERVER = {"EDGE_SOCKET": "/run/edge/sockets", "NGINX": "4;"}


@pytest.mark.parametrize(
    ("variables", "listens", "offered", "suffix"),
    [
        ({}, "8443", "8443", ":8443"),
        ({"EDGE_QUIC_PORT": "9443"}, "8443", "9443", ":9443"),
        ({"EDGE_QUIC_PORT": "443"}, "8443", "443", ""),
        ({"EDGE_QUIC_PORT": ""}, "", "", ""),
        ({**SERVER, "EDGE_QUIC": "true", "EDGE_QUIC_PORT": "443"}, "443", "443", ""),
        ({**SERVER, "EDGE_QUIC": "false", "EDGE_QUIC_PORT": "443"}, "", "", ""),  # a host without sockets for it
    ],
)
def test_http3_is_offered_where_nginx_listens_for_it(
    tmp_path: Path, variables: dict[str, str], listens: str, offered: str, suffix: str
) -> None:
    assert start(tmp_path, variables).returncode == 0

    written = {path.name: path.read_text() for path in (tmp_path / "tmp").iterdir()}
    assert re.findall(r"^listen (\d+) quic;", written["listen-quic.conf"]) == [listens] * bool(listens)
    assert re.findall(r"^listen (\d+) quic reuseport;", written["listen-quic-first.conf"]) == [listens] * bool(listens)
    assert f'map "" $http3_port {{ default "{offered}"; }}' in written["http3-port.conf"]
    assert f'map "" $http3_host_port {{ default "{suffix}"; }}' in written["http3-port.conf"]
    assert ("listen 443 ssl;" in written["listen.conf"]) == ("EDGE_SOCKET" in variables)


def test_each_host_has_a_key_for_quic_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    keys = []
    for number, host in enumerate(("one", "one", "two")):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert start(folder, {**SERVER, "EDGE_HOST": host}).returncode == 0
        keys.append((folder / "tmp/quic-host-key").read_text().strip())

    assert keys[0] == keys[1] != keys[2]
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)


def start(folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run Nginx's entrypoint with its folders below ``folder``, and programs that do nothing."""
    text = (NGINX / "entrypoint.sh").read_text(encoding="utf-8")
    text = re.sub("/(tmp|run/secrets)(?=[/ ])", rf"{folder}/\1", text)
    (folder / "tmp").mkdir()
    (folder / "run/secrets").mkdir(parents=True)
    for name in ("flower_password", "rabbitmq_operator_password", "rabbitmq_operator_reader_password", "tls_key"):
        (folder / "run/secrets" / name).write_text("x")
    for name in ("need-secrets", "reload-on-change", "nginx"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", **variables}
    command = ["sh", "-c", text, "entrypoint", "nginx"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_no_map_needs_a_variable_that_only_some_contracts_set() -> None:
    """Nginx does not start if a map names a variable that nothing sets, as in a stack whose contracts have no cache."""

    def matches(pattern: str, *files: Path) -> set[str]:
        return {name for file in files for name in re.findall(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)}

    by_contracts = matches(r"set \$(\w+)", ROOT / "contract/locations.py")
    always = matches(r"^ *set \$(\w+)", NGINX / "snippets/answers.conf", *NGINX.glob("conf.d/*.conf"))
    maps = matches(r"^map .*", *NGINX.rglob("*.conf"))
    named = {name for line in maps for name in re.findall(r"\$(\w+)", line)}

    assert {"page_zone", "place"} <= named & by_contracts
    assert (named & by_contracts) - always == set()
