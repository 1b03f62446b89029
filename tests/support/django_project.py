"""A Django project of somebody who does not know Landfast: what ``django-admin startproject`` makes, and a task."""

from __future__ import annotations

import shlex
import stat
import subprocess
from typing import TYPE_CHECKING

from cli import devenv

if TYPE_CHECKING:
    from pathlib import Path

#: A Celery application with one task, in ``shop/celery.py``, as the page for newcomers has it.
TASK = """\
from celery import Celery

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task
def add(x, y):
    return x + y
"""


def admin(folder: Path) -> list[str]:
    """Return the command ``django-admin``, of the Django that services run.

    Args:
        folder: where it works; the environment sees no other besides this checkout.
    """
    environment = devenv.services()
    environment.provide()
    enter = list(environment.enter)
    if enter:
        enter[-1:] = ["--bind", str(folder), str(folder), "--chdir", str(folder), "--"]
    return [*enter, str(environment.python), "-m", "django"]


def program(folder: Path, reach: Path) -> Path:
    """Write a program ``django-admin`` into a folder, for ``PATH``, and return the folder.

    Args:
        folder: where it is written.
        reach: the folder below which it makes projects.
    """
    file = folder / "django-admin"
    command = shlex.join(admin(reach)).replace(f"--chdir {shlex.quote(str(reach))}", '--chdir "$PWD"')
    file.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return folder


def make(folder: Path, name: str = "shop", *, task: bool = True) -> Path:
    """Make a project, and return its folder.

    Args:
        folder: where its folder is made.
        name: the project's.
        task: whether it has a Celery application.
    """
    subprocess.run([*admin(folder), "startproject", name], cwd=folder, check=True)
    project = folder / name
    if task:
        (project / name / "celery.py").write_text(TASK.replace("shop", name), encoding="utf-8")
    return project
