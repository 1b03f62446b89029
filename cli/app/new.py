"""``./stack app new``: a room made from a template, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli import applications
from cli.app import forms, listing, lists, names, project
from cli.console import StackError
from cli.settings import ROOT, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cli.app.project import Project

#: Where an application's web server listens, if nothing else is said.
PORT = 8000
#: Whose images are taken by digest alone: a tag may be another image tomorrow.
_IMAGE = re.compile(r"[a-z0-9][\w.:/-]*@sha256:[0-9a-f]{64}")
#: Other users than this one read what containers get, and run scripts.
_FILE, _FOLDER = 0o644, 0o755
#: A port below is for root alone.
_PORTS = range(1024, 65536)
_HOST = re.compile(r"(?!-)[a-z0-9-]+(\.(?!-)[a-z0-9-]+)+")


@dataclass(frozen=True)
class NewApplication:
    """A description of the application that is to be made.

    Args:
        name: its name, and that of its folder below ``services/``.
        form: one of :data:`forms.FORMS`.
        image: for the form ``image``, which one: NAME@sha256:DIGEST.
        port: where its web server listens in the container.
        hosts: host names of its own besides NAME.localhost.
        code: the folder of a project that is there already; empty for a new one.
    """

    name: str
    form: str
    image: str = ""
    port: int = PORT
    hosts: Sequence[str] = ()
    code: str = ""

    @property
    def all_hosts(self) -> list[str]:
        """All its host names; the first is for laptops."""
        return [f"{self.name}.localhost", *self.hosts]


def new(wanted: NewApplication, root: Path = ROOT) -> int:
    """Make an application and put it on the lists; what fails on the way leaves nothing behind.

    Args:
        wanted: which.
        root: the checkout.

    Raises:
        StackError: the name or an option will not do, or a file cannot be written.
    """
    check_options(wanted)
    own = project.read(Path(wanted.code), root) if wanted.code else None
    names.check(wanted.name, wanted.form, root, has_code=own is not None)
    check_hosts(wanted, root)
    values = placeholders(wanted, own)
    texts = own.texts(forms.project_texts(values, worker=own.worker)) if own else forms.texts(wanted.form, values)
    changes = lists.added(root, wanted.name, texts)
    room = make(root / "services" / wanted.name, texts, own)
    try:
        lists.write(changes)
    except BaseException:
        shutil.rmtree(room)
        raise
    listed = " and ".join(path.name for path in changes)
    print(f"services/{wanted.name}/ is there, and on the list in {listed}. Next:\n")
    print(*(f"  {line}" for line in next_steps(wanted, locked=forms.LOCK in texts, own=own)), sep="\n")
    return 0


def placeholders(wanted: NewApplication, own: Project | None = None) -> dict[str, str]:
    """Return placeholder -> what stands in its place."""
    identifier = names.identifier(wanted.name)
    return {
        "app-name": wanted.name,
        "app_name": identifier,
        "app_package": own.package if own else identifier,
        "app_settings": own.settings if own else "settings",
        "app-port": str(wanted.port),
        "app-image": wanted.image,
        "app-smoke": own.smoke if own else "/: {}",
        "app-hosts": ", ".join(wanted.all_hosts),
    }


def check_options(wanted: NewApplication) -> None:
    """Refuse options that do not fit together.

    Raises:
        StackError: they do not.
    """
    if wanted.form == "image" and not _IMAGE.fullmatch(wanted.image):
        raise StackError(
            f"--image {wanted.image or 'is missing'}: wanted is NAME@sha256:DIGEST, which is the same image tomorrow",
            "docker image inspect --format '{{index .RepoDigests 0}}' NAME prints it, once the image is pulled",
        )
    if wanted.form != "image" and wanted.image:
        raise StackError("--image goes with --from image", "leave it out: the Dockerfile in the room says what it is")
    if wanted.form != "django" and wanted.code:
        raise StackError(
            f"--code goes with --from django, not with {wanted.form}",
            "leave it out, and put your code into the room that is made",
        )
    if wanted.port not in _PORTS:
        raise StackError(f"--port {wanted.port} will not do", "a container without root listens at 1024 to 65535")
    for host in wanted.hosts:
        if not _HOST.fullmatch(host):
            raise StackError(f"--host {host} is no host name", "write it as visitors do, such as shop.example.org")
        if wanted.form == "celery":
            raise StackError("--host goes with an application that has pages", "leave it out")


def check_hosts(wanted: NewApplication, root: Path) -> None:
    """Make sure that no application answers at the host names of the new one.

    Raises:
        StackError: one does, or the stack itself, or a name is there twice.
    """
    files = [room / "compose.yaml" for room in applications.rooms(root) if (room / "compose.yaml").is_file()]
    taken = {host: f"services/{file.parent.name}" for file in files for host in listing.hosts(file)}
    taken.setdefault(Settings.read().public_host, "the stack itself (PUBLIC_URL)")
    for number, host in enumerate(wanted.all_hosts if wanted.form != "celery" else ()):
        if host in taken:
            raise StackError(f"{taken[host]} answers at {host} already", "choose another host name, or remove it there")
        if host in wanted.all_hosts[:number]:
            raise StackError(f"--host {host} is one of its host names already", "leave it out")


def make(room: Path, texts: Mapping[str, str], own: Project | None = None) -> Path:
    """Make a folder with files in it: all of it, or nothing.

    Args:
        room: the folder, which must not be there.
        texts: path in it -> text.
        own: a project whose files are copied there, too.

    Raises:
        StackError: it is there already, or cannot be written.
    """
    owner = room.parent.stat()
    half, reserved = None, False
    try:
        half = Path(tempfile.mkdtemp(prefix=f".{room.name}-", dir=room.parent))
        if own:
            own.copy(half)
        for name, text in texts.items():
            (half / name).parent.mkdir(parents=True, exist_ok=True)
            (half / name).write_bytes(text.encode("utf-8"))
        for path in (half, *half.rglob("*")):
            if path.is_symlink():
                continue  # what it leads to need not be in the room
            path.chmod(_FOLDER if path.is_dir() or _is_script(path) else _FILE)
            if os.geteuid() == 0:  # the checkout's owner is to have it
                os.chown(path, owner.st_uid, owner.st_gid)
        room.mkdir()  # fails if somebody else has made it meanwhile; the rename below would not
        reserved = True
        half.rename(room)
    except BaseException as error:
        # The error that led here is the one to tell; a leftover that cannot be removed would hide it.
        if half:
            shutil.rmtree(half, ignore_errors=True)
        if reserved:
            shutil.rmtree(room, ignore_errors=True)
        if isinstance(error, OSError):
            raise StackError(
                f"{room} cannot be made: {error.strerror or error}", "nothing was changed; mend that"
            ) from None
        raise
    return room


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def next_steps(wanted: NewApplication, *, locked: bool, own: Project | None) -> list[str]:
    """Return what to do with a new application.

    Args:
        wanted: which.
        locked: whether its list of packages has versions and hashes.
        own: the project that it was made of.
    """
    steps = [
        *([] if locked else [f"tests/lock locks services/{wanted.name}/requirements.in, its packages; it needs uv"]),
        "./stack up builds and starts it",
        f"./stack app check {wanted.name} tries it, and says what is missing",
    ]
    if wanted.form == "celery":
        module = names.identifier(wanted.name)
        inside = f"docker compose exec {wanted.name}-worker sh /run/secrets/with-environment"
        return [*steps, f"{inside} celery --app={module} call {module}.tasks.add --args='[4, 4]'"]
    settings = (
        f"services/{wanted.name}/{own.package}/settings_container.py has the settings of containers" if own else ""
    )
    address = f"http://{wanted.name}.localhost:{Settings.read().ports['HTTP_PORT']} is its address then"
    return [*steps, address, *([settings] if settings else [])]
