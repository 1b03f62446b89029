"""A clone of a release as somebody runs it: two applications of their own in place of the demo, and settings."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.checkout import copy_checkout
from tests.support.stack import ROOT
from tests.support.upgrades import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.support.site import Site

#: The applications: the shop is made by ``--from django``, the blog by ``--from flask``.
SHOP, BLOG = "shop", "blog"
#: Folders of the user's, from the root, and a file.
MINE, SETTINGS = (f"services/{SHOP}/", f"services/{BLOG}/", "ansible/inventories/mine/"), ".env"
#: What the user changed in the shop's room: file -> what is replaced, and by what. Letters are rows and files, and its
#: worker answers each.
LETTERS = {
    "shop/views.py": (
        "def healthz(",
        '''@csrf_exempt
def letters(request: HttpRequest) -> HttpResponse:
    """Keep a letter and have it answered; return the names of all."""
    if request.method == "POST":
        name = request.POST["name"]
        Group.objects.create(name=name)
        default_storage.save(name, request.FILES["file"])
        answer.delay(name)
    return JsonResponse({"names": list(Group.objects.values_list("name", flat=True))})


def healthz(''',
    ),
    "shop/urls.py": ('path("healthz"', 'path("letters/", views.letters),\n    path("healthz"'),
    "shop/settings.py": ("USE_TZ = True", 'USE_TZ = True\nMEDIA_ROOT = "/var/lib/shop"'),
    "Dockerfile": ("USER 10100", "RUN install -d -o app -g app /var/lib/shop\nUSER 10100"),
    "compose.yaml": (
        "largest_body: 10m}\n",
        "largest_body: 10m}\n      /media/: {files: /var/lib/shop}\n",
    ),
}
_IMPORTS = """from django.contrib.auth.models import Group
from django.core.files.storage import default_storage
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from .tasks import answer
"""
_TASK = '''

@shared_task
def answer(name: str) -> None:
    """Answer a letter."""
    from django.contrib.auth.models import Group

    Group.objects.create(name=f"answer to {name}")
'''
_SECRETS = "{type: volume, source: service-secrets, target: /run/secrets, read_only: true"
_OWN = "      - {type: volume, source: shop-media, target: /var/lib/shop}\n"
_NGINX = """nginx:
    networks: [shop]
    volumes:
      - {type: volume, source: shop-media, target: /var/lib/shop, read_only: true, volume: {nocopy: true}}
"""
_MIGRATION = '''"""A column of a later release."""

from alembic import op

revision = "9001"
down_revision = "{latest}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE outbox.stored_task ADD COLUMN remark text")


def downgrade() -> None:
    op.execute("ALTER TABLE outbox.stored_task DROP COLUMN remark")
'''
#: The label of the second release's image of Nginx, and the secret that is new in it.
LABEL, SECRET = "landfast.trial", "almanac_key"
#: A durable task that is due tomorrow: its id and its arguments.
TASK, ARGUMENTS = "00000000-0000-4000-8000-000000000001", '[["until tomorrow"], {}, {}]'
WRITE_TASK = f"""
    INSERT INTO outbox.task (id, name, engine, queue, headers, properties, body, ordered, due_at)
    VALUES ('{TASK}', 'letters.remind', 'celery', 'tasks', '{{}}', '{{}}', '{ARGUMENTS}', false,
        now() + interval '1 day')
"""  # noqa: S608 - constants
READ_TASK = f"SELECT body || ' ' || (remark IS NULL) FROM outbox.stored_task WHERE id = '{TASK}'"  # noqa: S608 - as above


@dataclass(frozen=True)
class Visitor:
    """Somebody who comes to the applications by their host names.

    Args:
        at: brings them to the application of a name.
    """

    at: Callable[[str], Site]

    def send(self, name: str) -> None:
        """Send the shop a letter, whose content is its name's."""
        sent = self.at(SHOP).post("/letters/", data={"name": name}, files={"file": (name, name.encode())})
        assert sent.status_code == 200, sent.text

    def names(self) -> set[str]:
        """Return the names of the letters and of the answers that the shop has."""
        return set(self.at(SHOP).get("/letters/").json()["names"])

    def file(self, name: str) -> bytes:
        """Return a letter's file, as Nginx serves it."""
        return self.at(SHOP).get(f"/media/{name}").content


def releases(root: Path) -> Work:
    """Return a repository with a release 1.0.0, and this checkout behind it as 1.1.0.

    The first is the newest release that this checkout comes after, or itself while there is none. The second changes an
    image, a file of Nginx', the outbox's tables and every room of the demo besides, and has a new secret.

    Args:
        root: a folder that is not there yet.
    """
    work = Work(root)
    tag = newest()
    if tag:
        root.mkdir()
        with tarfile.open(fileobj=io.BytesIO(_git("archive", tag))) as archive:
            archive.extractall(root, filter="data")
    else:
        copy_checkout(root)
    work.git("init", "--quiet", "--initial-branch=main")
    work.release("1.0.0")

    if tag:
        work.git("rm", "-r", "--quiet", ".")
        copy_checkout(root)
    versions = "libs/outbox/landfast_outbox/migrations/versions"
    latest = max(path.stem for path in (root / versions).glob("[0-9]*.py")).partition("_")[0]
    work.write({f"{versions}/9001_remark.py": _MIGRATION.format(latest=latest)})
    work.write({"nginx/Dockerfile": f'{work.read("nginx/Dockerfile")}LABEL {LABEL}="1.1.0"\n'})
    work.replace("nginx/snippets/server.conf", "\n", "\n# of 1.1.0\n")
    work.replace("compose.house.yaml", "\n  secrets:\n", f"\n  secrets:\n    {SECRET}: {{}}\n")
    for file in rooms(root):
        name = str(file.relative_to(root))
        work.write({name: f"{work.read(name)}# of 1.1.0\n"})
    work.release("1.1.0", "- On servers, run `playbooks/secrets.yml`: a secret is new.")
    return work


def newest() -> str:
    """Return the tag of the newest release that this checkout comes after; nothing if there is none."""
    tags = _git("tag", "--list", "v[0-9]*", "--merged", "HEAD", "--sort=-version:refname").decode().split()
    return tags[0] if tags else ""


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def rooms(root: Path) -> list[Path]:
    """Return the Compose files of the applications in a checkout."""
    return sorted((root / "services").glob("*/compose.yaml"))


def remove_demo(work: Work) -> None:
    """Delete all rooms, and take them off the lists."""
    for room in (file.parent for file in rooms(work.root)):
        shutil.rmtree(room)
    for name in ("compose.yaml", "compose.override.yaml"):
        lines = work.read(name).splitlines(keepends=True)
        work.write({name: "".join(line for line in lines if not line.strip().startswith("- services/"))})


def move_in(work: Work, settings: Mapping[str, str]) -> None:
    """Put the two applications in place of the demo, with settings and an inventory, and commit.

    Args:
        work: a clone.
        settings: the content of ``.env``.
    """
    remove_demo(work)
    for name, form in ((SHOP, "django"), (BLOG, "flask")):
        work.stack("app", "new", name, "--from", form)
    for name, (old, text) in LETTERS.items():
        work.replace(f"services/{SHOP}/{name}", old, text)
    views, tasks, compose = (f"services/{SHOP}/{name}" for name in ("shop/views.py", "shop/tasks.py", "compose.yaml"))
    old = "from django.http import HttpResponse\nfrom django.shortcuts import render\n"
    work.replace(views, old, _IMPORTS)
    work.write({tasks: work.read(tasks) + _TASK})
    mount = f"      - {_SECRETS}, volume: {{nocopy: true, subpath: {SHOP}}}}}\n"
    work.replace(compose, mount, mount + _OWN)
    work.replace(compose, "nginx: {networks: [shop]}\n", _NGINX)
    work.write(
        {
            compose: f"{work.read(compose)}\nvolumes:\n  shop-media:\n",
            ".env": "".join(f"{name}={value}\n" for name, value in settings.items()),
            "ansible/inventories/mine/hosts.yml": "all: {}\n",
        }
    )
    work.commit("Our applications in place of the demo")


def mine(work: Work) -> dict[str, bytes]:
    """Return the user's own files with their content."""
    files = work.state()[2].items()
    return {name: content for name, content in files if name == SETTINGS or name.startswith(MINE)}
