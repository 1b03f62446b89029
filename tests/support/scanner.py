"""Scanners of others from Debian's packages, unchanged, in a container of their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support import tool_image
from tests.support.stack import PREFIX, docker

if TYPE_CHECKING:
    from collections.abc import Iterable

IMAGE = f"{PREFIX}scanners"


def build_image() -> None:
    """Build the scanners' image."""
    tool_image.build(IMAGE, "tests/security")


def run(script: str, *arguments: str, timeout: float, network: str = "host", options: Iterable[str] = ()) -> str:
    """Run a shell script with scanners and return its output.

    Args:
        script: the script; ``$@`` are the arguments. The only folder that it may write to is ``/tmp``.
        arguments: its arguments.
        timeout: seconds that it may take on an idle reference machine.
        network: its network; this machine's own by default.
        options: more options of ``docker run``.

    Raises:
        CommandError: the script failed.
    """
    return docker(
        *("run", "--rm", "--init", f"--name={PREFIX}{os.getpid()}-scanner", f"--network={network}", "--read-only"),
        *(
            "--cap-drop=ALL",
            "--tmpfs=/tmp:mode=1777",
            *options,
            "--entrypoint=sh",
            IMAGE,
            "-c",
            script,
            "scan",
            *arguments,
        ),
        timeout=timeout,
    )
