"""A bare Debian: a privileged container with python3 and git, that has never seen Docker, and ``./stack up`` in it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from cli import base_image
from cli.settings import Settings, ca_bundle
from tests.support.checkout import copy_checkout
from tests.support.stack import PREFIX, docker

#: Seconds after which it is taken to hang.
DEADLINE = 1800
CHECKOUT = "/root/landfast"
#: What a newcomer's machine has; getting it is not part of the figure.
HAS = "apt-get update -qq && apt-get install -qq --no-install-recommends python3 git ca-certificates >/dev/null"


def seconds_from_nothing() -> float:
    """Return how long ``./stack up`` takes on a bare Debian, from its first line to everything healthy.

    Raises:
        SystemExit: it failed; what it said stands above.
    """
    name = f"{PREFIX}{os.getpid()}-bare"
    image = base_image.find(Settings.read().base_image)
    if image is None:
        raise SystemExit("there is no base image yet: ./stack up makes it")
    with tempfile.TemporaryDirectory() as directory:
        copy_checkout(Path(directory, "checkout"))
        try:
            docker("run", "--detach", f"--name={name}", *_options(), image, "sleep", "infinity")
            docker("exec", name, "sh", "-c", HAS, timeout=DEADLINE)
            docker("cp", f"{directory}/checkout", f"{name}:{CHECKOUT}")
            started = time.monotonic()
            command = ["docker", "exec", f"--workdir={CHECKOUT}", name, "./stack", "up", "--yes"]
            result = subprocess.run(command, timeout=DEADLINE, check=False)
            taken = time.monotonic() - started
        finally:
            subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False)
    if result.returncode:
        raise SystemExit("./stack up failed on a bare Debian")
    return taken


def _options() -> list[str]:
    """Return what the container needs to run a Docker of its own, and to trust what this machine trusts."""
    options = ["--privileged", "--init", "--volume=/var/lib/docker", "--volume=/var/lib/containerd"]
    bundle = ca_bundle()
    if bundle:
        inside = "/etc/landfast-ca-bundle.crt"
        options += [f"--volume={bundle}:{inside}:ro", f"--env=SSL_CERT_FILE={inside}", f"--env=PIP_CERT={inside}"]
    return options
