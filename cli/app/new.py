"""``./stack app new``: a room made from a template, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cli.app import forms, lists, names
from cli.console import StackError
from cli.settings import ROOT, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Whose images are taken by digest alone: a tag may be another image tomorrow.
_IMAGE = re.compile(r"[a-z0-9][\w.:/-]*@sha256:[0-9a-f]{64}")
#: Other users than this one read what containers get.
_FILE, _FOLDER = 0o644, 0o755
#: A port below is for root alone.
_PORTS = range(1024, 65536)


def new(name: str, form: str, image: str, port: int, root: Path = ROOT) -> int:
    """Make an application and put it on the lists; what fails on the way leaves nothing behind.

    Args:
        name: its name, and that of its folder below ``services/``.
        form: one of :data:`forms.FORMS`.
        image: for the form ``image``, which one: NAME@sha256:DIGEST.
        port: where its web server listens in the container.
        root: the checkout.

    Raises:
        StackError: the name or an option will not do, or a file cannot be written.
    """
    check_options(form, image, port)
    names.check(name, form, root)
    values = {
        "app-name": name,
        "app_name": names.identifier(name),
        "app-port": str(port),
        "app-image": image,
    }
    texts = forms.texts(form, values)
    changes = lists.added(root, name, texts)
    room = make(root / "services" / name, texts)
    try:
        lists.write(changes)
    except BaseException:
        shutil.rmtree(room)
        raise
    print(f"services/{name}/ is there, and on the list in {' and '.join(path.name for path in changes)}. Next:\n")
    print(*(f"  {line}" for line in next_steps(name, form)), sep="\n")
    return 0


def check_options(form: str, image: str, port: int) -> None:
    """Refuse options that do not fit together.

    Raises:
        StackError: they do not.
    """
    if form == "image" and not _IMAGE.fullmatch(image):
        raise StackError(
            f"--image {image or 'is missing'}: wanted is NAME@sha256:DIGEST, which is the same image tomorrow",
            "docker image inspect --format '{{index .RepoDigests 0}}' NAME prints it, once the image is pulled",
        )
    if form != "image" and image:
        raise StackError("--image goes with --from image", "leave it out: the Dockerfile in the room says what it is")
    if port not in _PORTS:
        raise StackError(f"--port {port} will not do", "a container without root listens at 1024 to 65535")


def make(room: Path, texts: Mapping[str, str]) -> Path:
    """Make a folder with files in it: all of it, or nothing.

    Args:
        room: the folder, which must not be there.
        texts: path in it -> text.

    Raises:
        StackError: it is there already, or cannot be written.
    """
    owner = room.parent.stat()
    half, reserved = None, False
    try:
        half = Path(tempfile.mkdtemp(prefix=f".{room.name}-", dir=room.parent))
        for name, text in texts.items():
            (half / name).parent.mkdir(parents=True, exist_ok=True)
            (half / name).write_bytes(text.encode("utf-8"))
        for path in (half, *half.rglob("*")):
            path.chmod(_FOLDER if path.is_dir() else _FILE)
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
            raise StackError(f"{room} cannot be made: {error.strerror}", "nothing was changed; mend that") from None
        raise
    return room


def next_steps(name: str, form: str) -> list[str]:
    """Return what to do with a new application."""
    steps = [
        "./stack up builds and starts it",
        f"./stack app check {name} tries it, and says what is missing",
    ]
    if form == "celery":
        module = names.identifier(name)
        inside = f"docker compose exec {name}-worker sh /run/secrets/with-environment"
        return [*steps, f"{inside} celery --app={module} call {module}.tasks.add --args='[4, 4]'"]
    return [*steps, f"http://{name}.localhost:{Settings.read().ports['HTTP_PORT']} is its address then"]
