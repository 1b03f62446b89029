"""Releases of this checkout's own files, and clones of them with users' applications."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.checkout import copy_checkout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Files of each kind that an upgrade handles. The rest of the checkout would add no new kind.
PARTS = (
    *(
        "stack",
        "cli",
        "rollout",
        "compose*.yaml",
        "ansible/inventories",
        "nginx/nginx.conf",
        ".gitignore",
        ".gitattributes",
    ),
    *(
        "services/overrides.txt",
        "services/*/compose*.yaml",
        "services/web-django/manage.py",
        "services/web-django/mysite",
    ),
    *("services/worker/tasks", "services/api-flask/alembic.ini"),
)
#: Git's environment on a machine without settings, with an author.
GIT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
}
CHANGELOG = "# Changelog\n\n## Unreleased\n\n### To do\n\n- Nothing that is released asks for this.\n\n"
ROOMS = ("web-django", "api-flask", "worker")


@dataclass(frozen=True)
class Work:
    """A checkout that a user works in.

    Args:
        root: its folder.
    """

    root: Path

    def git(self, *arguments: str) -> str:
        """Run Git and return its output."""
        command = ["git", "-C", str(self.root), *arguments]
        return subprocess.run(command, env=GIT, check=True, capture_output=True, text=True).stdout

    def write(self, files: Mapping[str, str | None]) -> None:
        """Write files; remove those without a content."""
        for name, content in files.items():
            path = self.root / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content, encoding="utf-8")

    def read(self, name: str) -> str:
        """Return the content of a file."""
        return (self.root / name).read_text(encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace the first occurrence of a text in a file."""
        content = self.read(name)
        assert old in content, f"{name} has no {old!r}"
        self.write({name: content.replace(old, new, 1)})

    def commit(self, message: str = "Change") -> str:
        """Commit everything and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={message}")
        return self.git("rev-parse", "HEAD").strip()

    def release(self, version: str, to_do: str = "- Nothing.") -> None:
        """Commit and tag a release, as CONTRIBUTING.md says."""
        section = f"## {version} - 2026-12-01\n\n### To do\n\n{to_do}\n\n### Added\n\n- Something.\n"
        older = self.read("CHANGELOG.md").removeprefix(CHANGELOG) if (self.root / "CHANGELOG.md").exists() else ""
        self.write({"VERSION": f"{version}\n", "CHANGELOG.md": f"{CHANGELOG}{section}\n{older}".rstrip() + "\n"})
        self.commit(f"Release {version}")
        self.git("tag", "--annotate", f"--message=Landfast {version}", f"v{version}")

    def state(self) -> tuple[str, str, dict[str, bytes]]:
        """Return the commit, Git's status, and all files except Git's own."""
        files = {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and path.relative_to(self.root).parts[0] not in {".git", ".cache"}
        }
        return self.git("rev-parse", "HEAD"), self.git("status", "--porcelain"), files

    def stack(self, *arguments: str) -> None:
        """Run this checkout's own ``./stack``, and see that it succeeds."""
        done = self._stack(*arguments)
        assert done.returncode == 0, done.stderr

    def upgrade(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run this checkout's own ``./stack upgrade``."""
        return self._stack("upgrade", *arguments)

    def _stack(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.root / "stack"), *arguments]
        return subprocess.run(command, env=GIT, check=False, capture_output=True, text=True)

    def upgraded(self, *arguments: str) -> str:
        """Run it, assert that it succeeds, and return its output."""
        done = self.upgrade(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        """Run it, assert that it fails and changes nothing, and return the reason."""
        before = self.state()
        done = self.upgrade(*arguments)
        assert done.returncode == 1, done.stdout
        assert self.state() == before
        return done.stderr

    def clone(self, target: Path) -> Work:
        """Return a clone of release 1.0.0 without later releases."""
        subprocess.run(["git", "clone", "--quiet", str(self.root), str(target)], env=GIT, check=True)
        made = Work(target)
        made.git("reset", "--hard", "--quiet", "v1.0.0")
        made.git("remote", "set-head", "origin", "--delete")
        for tag in made.git("tag").split():
            made.git("tag", "--delete", tag)
        return made


def releases(root: Path) -> Work:
    """Return a repository with three releases; the second changes rooms, lists and the house, the third a little."""
    copy_checkout(root, *PARTS)
    work = Work(root)
    work.git("init", "--quiet", "--initial-branch=main")
    work.release("1.0.0", "- This is for those who had it before.")

    work.replace("nginx/nginx.conf", "\n", "\n# of 1.1.0\n")
    for name in ("compose.yaml", "compose.override.yaml"):
        work.replace(name, "include:", "# Said anew in 1.1.0.\ninclude:")
        house = "compose.house.yaml" if name == "compose.yaml" else "compose.laptop.yaml"
        work.replace(name, f"- {house}\n", f"- {house}\n      - compose.more.yaml\n")
        work.write({name: f"{work.read(name)}      - services/letters/{name}\n# The end.\n"})
        work.write({f"services/letters/{name}": "services: {}\n"})
    work.write(
        {
            "compose.more.yaml": "services: {}\n",
            "services/overrides.txt": "# of 1.1.0\n",
            "services/web-django/manage.py": f"{work.read('services/web-django/manage.py')}# of 1.1.0\n",
            "services/worker/tasks/more.py": "MORE = 1\n",
            "services/api-flask/alembic.ini": None,
            "cli/moved.py": work.read("services/web-django/mysite/wsgi.py"),
            "services/web-django/mysite/wsgi.py": None,
        }
    )
    work.release("1.1.0", "- Run `site.yml` once.\n- Read this,\n  and this.")

    work.replace("nginx/nginx.conf", "# of 1.1.0", "# of 1.2.0")
    work.replace("compose.override.yaml", "      - services/worker/compose.override.yaml\n", "")
    work.write({"nginx/more.conf": "# of 1.2.0\n", "services/worker/compose.override.yaml": None})
    work.release("1.2.0")
    return work


#: The files of the user in ``own_applications``; Git tracks all but ``.env``.
OWN = {
    "services/shop/compose.yaml": "services: {shop: {}}\n",
    "services/shop/compose.override.yaml": "services: {shop: {}}\n",
    "services/shop/empty.py": "",
    "services/blog/compose.yaml": "services: {blog: {}}\n",
    "services/blog/with a blank é.txt": "é\r\n",
    ".env": "HTTP_PORT=9080\n",
    "ansible/inventories/mine/hosts.yml": "all: {}\n",
}


def own_applications(work: Work) -> None:
    """Replace the demo by two applications, and add settings and an inventory; one began as a copy of the demo's."""
    (work.root / "services/shop").mkdir()
    for name in ("manage.py", "mysite"):
        shutil.move(work.root / "services/web-django" / name, work.root / "services/shop" / name)
    for room in ROOMS:
        shutil.rmtree(work.root / "services" / room)
        for name in ("compose.yaml", "compose.override.yaml"):
            work.replace(name, f"      - services/{room}/{name}\n", "")
    work.write(OWN)
    apps = "      # ours\n      - services/shop/compose.yaml\n      - 'services/blog/compose.yaml' # sold by Ada\n"
    work.write({"compose.yaml": work.read("compose.yaml") + apps})
    work.write(
        {"compose.override.yaml": f"{work.read('compose.override.yaml')}      - services/shop/compose.override.yaml\n"}
    )
    work.commit("Our applications in place of the demo")
