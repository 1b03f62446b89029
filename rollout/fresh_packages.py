"""Updates the Debian packages of the running release, and nothing else.

Each image that lacks security updates gets them as one more layer, on the manager: neither sources nor a Python index
are needed. The result is a release of its own, named by the commit and the date of Debian's index, so that a rollback
finds the former images.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollout import updates
from rollout.errors import RolloutError
from rollout.records import Records, now, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rollout.engine import Engine
    from rollout.updates import Answer

    Ask = Callable[[set[str], str], Answer]

#: Stands in a release's name between the commit and the date of Debian's index.
UPDATED = "-debian"
#: The mirror's last answer, for status and host.py.
FILE = "updates.json"
#: This host's trusted certificates, for a mirror that is reached over HTTPS.
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
INSTALLER = "images/base/apt-install"


def look(records: Records, ask: Ask = updates.ask) -> Answer:
    """Ask the Debian mirror for the security updates that the running release lacks, and write the answer down.

    Raises:
        RolloutError: no release runs, or the mirror was not asked; that is written down, too.
    """
    wanted = images(records.plan(records.running().file))
    try:
        answer = ask(wanted, str(CERTIFICATES) if CERTIFICATES.exists() else "")
    except updates.UpdatesError as error:
        write(records.folder / FILE, {**known(records), "problem": str(error), "tried": now()})
        raise RolloutError(str(error)) from error
    lacking = {short(image): packages for image, packages in answer.lacking.items() if packages}
    dates = [date for date in answer.dates.values() if date]
    seen = {"at": now(), "index": answer.index, "packages": min(dates, default="")}
    write(records.folder / FILE, {**seen, "lacking": lacking, "problem": ""})
    return answer


def known(records: Records) -> dict[str, Any]:
    """Return the mirror's last answer; nothing if it was never asked."""
    with suppress(OSError, ValueError):
        return dict(json.loads((records.folder / FILE).read_text(encoding="utf-8")))
    return {}


def describe(records: Records) -> list[str]:
    """Return the mirror's last answer for people."""
    found = known(records)
    lines = []
    if found.get("at"):
        lines.append(f"Debian packages of {found['packages'] or 'an unknown date'}; Debian's index of {found['index']}")
        lines += [
            f"  {image} lacks {len(packages)} security updates: {', '.join(packages)}"
            for image, packages in found["lacking"].items()
        ] or ["  no image lacks a security update"]
        lines.append(f"  asked at {found['at']}")
    else:
        lines.append("Debian's security updates: the mirror was not asked yet (landfast updates)")
    if found.get("problem"):
        lines.append(f"  not known since: {found['problem']} ({found['tried']})")
    return lines


def renew(engine: Engine, records: Records, report: Callable[[str], None], ask: Ask = updates.ask) -> str:
    """Make a release with fresh packages from the running one; return its plan's file, or "" if nothing is lacking.

    Args:
        engine: Docker.
        records: the records of releases.
        report: reports progress.
        ask: asks the mirror.

    Raises:
        RolloutError: the mirror was not asked, or an image could not be built or sent.
    """
    answer = look(records, ask)
    if not answer.outdated:
        return ""
    current = records.running()
    plan = records.plan(current.file)
    release = f"{plan['release'].partition(UPDATED)[0]}{UPDATED}{re.sub('[^0-9T]', '', answer.index)}"
    if release == plan["release"]:
        raise RolloutError(f"{release} has these packages already, and still lacks updates", tuple(describe(records)))
    built = {}
    for image in answer.outdated:
        report(f"{short(image)}: {', '.join(answer.lacking[image])}")
        built[image] = build(engine, image, release)
    file = f"plan-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{release}.json"
    records.save(file, with_images({**plan, "release": release, "over": current.file}, built))
    return file


def build(engine: Engine, image: str, release: str) -> str:
    """Build ``image`` with fresh packages, send it to its registry, and return its name by digest.

    Raises:
        RolloutError: Docker or apt failed; the lines say why.
    """
    repository = image.partition("@")[0].rpartition(":")[0]
    name = f"{repository}:{release}"
    user = engine.run("image", "inspect", "--format={{.Config.User}}", image).strip()
    secret = [f"--secret=id=ca_bundle,src={CERTIFICATES}"] if CERTIFICATES.exists() else []
    engine.run("build", "--quiet", "--network=host", f"--tag={name}", *secret, "-", given=recipe(image, user))
    engine.run("push", "--quiet", name)
    digests = json.loads(engine.run("image", "inspect", "--format={{json .RepoDigests}}", name))
    return next(f"{name}@{each.partition('@')[2]}" for each in digests if each.startswith(f"{repository}@"))


def recipe(image: str, user: str) -> str:
    """Return the Dockerfile that updates the packages of ``image``, whose containers run as ``user``."""
    run = 'RUN --mount=type=secret,id=ca_bundle <<"INSTALLER"'
    return "\n".join((f"FROM {image}", "USER 0", run, installer().rstrip(), "INSTALLER", f"USER {user or 0}", ""))


def installer() -> str:
    """Return the script that builds use to install packages; it is packed beside this program."""
    loader: Any = sys.modules[__name__].__spec__.loader  # type: ignore[union-attr] # the archive's, or the checkout's
    return bytes(loader.get_data(str(Path(__file__).parents[1] / INSTALLER))).decode()


def update(engine: Engine, records: Records, defaults: Mapping[str, Any], report: Callable[[str], None]) -> bool:
    """Make a release with fresh packages and roll it out like a deploy; return whether the cluster is up to date.

    Args:
        engine: Docker.
        records: the records of releases.
        defaults: the options of a rollout, see :func:`rollout.change.apply`, without plan and secrets.
        report: reports progress.
    """
    file = renew(engine, records, report)
    if not file:
        report("no image lacks a security update")
        return True
    run = f"run-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-update"
    path = records.folder / f"{run}.json"
    secrets = secret_names(records.plan(file))
    write(path, {**defaults, "what": "update", "plan": file, "jobs": False, "secrets": secrets})
    program = [sys.executable, "-B", sys.argv[0]]
    recover = " ".join([*program, "recover", str(path)])
    unit = [f"--unit=landfast-{run}", "--property=After=docker.service", "--property=TimeoutStopSec=600"]
    command = ["systemd-run", "--quiet", "--collect", "--wait", *unit, f"--property=ExecStopPost={recover}"]
    rolled = subprocess.run([*command, *program, "apply", str(path)], check=False)
    with suppress(RolloutError):
        look(records)
    return rolled.returncode == 0


def secret_names(plan: Mapping[str, Any]) -> dict[str, str]:
    """Return the secrets of a plan with their names in Swarm: those that the running release uses."""
    files = (plan["stack"], *plan["jobs"].values())
    return {key: entry["name"] for file in files for key, entry in file["secrets"].items()}


def services(plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the services and jobs of a plan."""
    for file in (plan["stack"], *plan["jobs"].values()):
        yield from file["services"].values()


def images(plan: Mapping[str, Any]) -> set[str]:
    """Return the images of a plan, by digest."""
    return {service["image"] for service in services(plan)}


def with_images(plan: Mapping[str, Any], built: Mapping[str, str]) -> dict[str, Any]:
    """Return ``plan`` with the images in ``built`` (former name -> new name) replaced."""
    changed = copy.deepcopy(dict(plan))
    for service in services(changed):
        service["image"] = built.get(service["image"], service["image"])
    return changed


def short(image: str) -> str:
    """Return the image's name for people: without registry, release and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]
