"""A clone of a release as somebody runs it: two applications of their own in place of the demo, and settings."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.checkout import copy_checkout
from tests.support.site import Site
from tests.support.upgrades import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: The applications: the shop is made by ``--from django``, the blog by ``--from flask``.
SHOP, BLOG = "shop", "blog"
#: Files of the user's, from the root.
MINE = (f"services/{SHOP}/", f"services/{BLOG}/", "ansible/inventories/mine/", ".env")
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
    op.execute("ALTER TABLE outbox.task ADD COLUMN remark text")


def downgrade() -> None:
    op.execute("ALTER TABLE outbox.task DROP COLUMN remark")
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
READ_TASK = f"SELECT body || ' ' || (remark IS NULL) FROM outbox.task WHERE id = '{TASK}'"  # noqa: S608 - as above


@dataclass(frozen=True)
class Visitor:
    """Somebody who comes to the applications by their host names.

    Args:
        url: where the stack answers.
        port: a port in host names, with its colon; empty without.
        trusting: whether the certificate is somebody else's matter.
    """

    url: str
    port: str = ""
    trusting: bool = False

    def at(self, application: str) -> Site:
        """Return them at an application."""
        site = Site(self.url)
        site.session.headers["Host"] = f"{application}.localhost{self.port}"
        site.session.verify = not self.trusting
        return site

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
    """Return a repository with this checkout as release 1.0.0, and 1.1.0 behind it.

    The second changes an image, a file of Nginx', the outbox's tables and every room of the demo, and has a new secret.

    Args:
        root: a folder that is not there yet.
    """
    copy_checkout(root)
    work = Work(root)
    work.git("init", "--quiet", "--initial-branch=main")
    work.release("1.0.0")

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


def move_in(work: Work, new: Callable[[str, str], None], settings: Mapping[str, str]) -> None:
    """Put the two applications in place of the demo, with settings and an inventory, and commit.

    Args:
        work: a clone.
        new: makes an application: its name, and what from.
        settings: the content of ``.env``.
    """
    remove_demo(work)
    new(SHOP, "django")
    new(BLOG, "flask")
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
    return {name: content for name, content in work.state()[2].items() if name.startswith(MINE)}
