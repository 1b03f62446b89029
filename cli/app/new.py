"""``./stack app new``: makes a room from a template, completely or not at all."""

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

#: The default port of an application's web server.
PORT = 8000
#: An image with its digest: a tag may name another image tomorrow.
_IMAGE = re.compile(r"[a-z0-9][\w.:/-]*@sha256:[0-9a-f]{64}")
#: Permissions: containers with other users read the files and run the scripts.
_FILE, _FOLDER = 0o644, 0o755
#: Only root may listen at ports below these.
_PORTS = range(1024, 65536)


@dataclass(frozen=True)
class NewApplication:
    """The description of a new application.

    Args:
        name: its name, and that of its folder below ``services/``.
        form: one of :data:`forms.FORMS`.
        image: for the form ``image``, the image: NAME@sha256:DIGEST.
        port: the port of its web server in the container.
        hosts: its host names in addition to NAME.localhost.
        code: the folder of an existing project; empty for a new one.
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
    """Make an application and add it to the lists; after an error nothing is left of it.

    Args:
        wanted: its description.
        root: the checkout.

    Raises:
        StackError: the name or an option is invalid, or a file cannot be written.
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
    print(f"services/{wanted.name}/ is made, and added to the list in {listed}. Next:\n")
    print(*(f"  {line}" for line in next_steps(wanted, locked=forms.LOCK in texts, own=own)), sep="\n")
    return 0


def placeholders(wanted: NewApplication, own: Project | None = None) -> dict[str, str]:
    """Return placeholder -> its value."""
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
    """Make sure that the options fit together.

    Raises:
        StackError: they do not.
    """
    if wanted.form == "image" and not _IMAGE.fullmatch(wanted.image):
        raise StackError(
            f"--image {wanted.image or 'is missing'}: it must be NAME@sha256:DIGEST, which always names the same image",
            "docker image inspect --format '{{index .RepoDigests 0}}' NAME prints it, once the image is pulled",
        )
    if wanted.form != "image" and wanted.image:
        raise StackError("--image requires --from image", "leave it out: the room has a Dockerfile")
    if wanted.form != "django" and wanted.code:
        raise StackError(
            f"--code requires --from django, not {wanted.form}",
            "leave it out, and put your code into the new room",
        )
    if wanted.port not in _PORTS:
        raise StackError(f"--port {wanted.port} is invalid", "a container without root can listen at 1024 to 65535")
    from contract import schema  # noqa: PLC0415 - only here: ./stack itself needs nothing but cli/

    for host in wanted.hosts:
        if not re.fullmatch(schema.SITE, host):
            raise StackError(f"--host {host} is not valid", f"it must be {schema.WORDS[schema.SITE]}")
        if wanted.form == "celery":
            raise StackError("--host requires an application with pages", "leave it out")


def check_hosts(wanted: NewApplication, root: Path) -> None:
    """Make sure that no application answers at the host names of the new one.

    Raises:
        StackError: one does, or the stack itself, or a name is given twice.
    """
    files = [room / "compose.yaml" for room in applications.rooms(root) if (room / "compose.yaml").is_file()]
    taken = {host: f"services/{file.parent.name}" for file in files for host in listing.hosts(file)}
    taken.setdefault(Settings.read().public_host, "the stack itself (PUBLIC_URL)")
    for number, host in enumerate(wanted.all_hosts if wanted.form != "celery" else ()):
        if host in taken:
            raise StackError(f"{taken[host]} has the host name {host} already", "choose another, or remove it there")
        if host in wanted.all_hosts[:number]:
            raise StackError(f"--host {host} is given twice, or the application has the name anyway", "leave it out")


def make(room: Path, texts: Mapping[str, str], own: Project | None = None) -> Path:
    """Make a folder with files, completely or not at all.

    Args:
        room: the folder, which must not exist.
        texts: path in it -> text.
        own: a project whose files are copied there, too.

    Raises:
        StackError: it exists already, or cannot be written.
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
                continue  # its target may be outside the room
            path.chmod(_FOLDER if path.is_dir() or _is_script(path) else _FILE)
            if os.geteuid() == 0:  # the room's owner is that of the checkout
                os.chown(path, owner.st_uid, owner.st_gid)
        room.mkdir()  # unlike the rename below, it fails if another process has made the room meanwhile
        reserved = True
        half.rename(room)
    except BaseException as error:
        # Errors of the removal are ignored: they would hide the first one.
        if half:
            shutil.rmtree(half, ignore_errors=True)
        if reserved:
            shutil.rmtree(room, ignore_errors=True)
        if isinstance(error, OSError):
            raise StackError(
                f"{room} cannot be made: {error.strerror or error}", "correct that; nothing was changed"
            ) from None
        raise
    return room


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def next_steps(wanted: NewApplication, *, locked: bool, own: Project | None) -> list[str]:
    """Return the next steps for a new application.

    Args:
        wanted: its description.
        locked: whether its list of packages has versions and hashes.
        own: the project of which it was made.
    """
    steps = [
        *([] if locked else [f"tests/lock locks its packages, services/{wanted.name}/requirements.in; it requires uv"]),
        "./stack up builds and starts it",
        f"./stack app check {wanted.name} tries it, and reports what is missing",
    ]
    if wanted.form == "celery":
        module = names.identifier(wanted.name)
        inside = f"docker compose exec {wanted.name}-worker sh /run/secrets/with-environment"
        return [*steps, f"{inside} celery --app={module} call {module}.tasks.add --args='[4, 4]'"]
    settings = (
        f"services/{wanted.name}/{own.package}/settings_container.py has the settings of containers" if own else ""
    )
    address = f"http://{wanted.name}.localhost:{Settings.read().ports['HTTP_PORT']} is its address"
    return [*steps, address, *([settings] if settings else [])]
