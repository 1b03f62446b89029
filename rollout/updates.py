"""Debian's security updates that images lack. apt answers, in a container, from the mirror in the images' own sources.

``./stack`` uses this module on laptops, and the command ``landfast`` on servers.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    #: Runs a command with its standard input; returns its exit status, output and errors.
    Run = Callable[[Sequence[str], bytes], "tuple[int, str, str]"]

TIMEOUT = 120
#: The exit status of ``docker run`` for its own errors: no such image, no daemon. An image without sh gives 127.
DOCKER_FAILED = 125
#: Containers that list their packages at the same time.
AT_ONCE = 4
#: Root without capabilities, which can change nothing but /tmp.
CONFINED = ("--rm", "--user=0", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only", "--tmpfs=/tmp")
#: Images of the house. One of them asks if it is there, as its container is in the machine's own network.
HOUSE = ("nginx", "redis", "postgres")
#: Variables of a proxy, which apt reads.
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
CERTIFICATES = "/run/secrets/ca_bundle"
#: Prints an image's Debian release, the date of the index that its packages came from (images/base/apt-install writes
#: it), and its packages.
LOOK = """
. /etc/os-release
[ "$ID" = debian ] && [ -s /var/lib/dpkg/status ] || exit 1
echo "$VERSION_CODENAME $(cat /usr/share/landfast/debian-index 2> /dev/null)"
cat /var/lib/dpkg/status
"""
#: Reads images' lists of packages as a tar archive, and prints the packages for which the suite of security updates has
#: a newer version. A package counts even if its update must wait for another one.
ASK = r"""
set -eu
mkdir /tmp/images /tmp/lists
tar -x -C /tmp/images
keyring=$(ls /usr/share/keyrings/debian-archive-keyring.* | head -n 1)
apt-get update --print-uris |
    sed -n "s#^'\(.*\)/dists/\([^/']*-security\)/InRelease'.*#deb [signed-by=$keyring] \1 \2 main#p" |
    sort -u > /tmp/security.list
[ -s /tmp/security.list ] || { echo "E: the base image's apt sources have no suite of security updates" >&2; exit 1; }
set -- -o Dir::Etc::SourceList=/tmp/security.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=/tmp/lists \
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Acquire::Languages=none -o Acquire::Retries=1 \
    -o APT::Sandbox::User=root
[ ! -s /run/secrets/ca_bundle ] || set -- "$@" -o Acquire::https::CAInfo=/run/secrets/ca_bundle
apt-get "$@" --quiet --quiet --error-on=any update
sed -n 's/^Date: /index /p' /tmp/lists/*InRelease
for status in /tmp/images/*; do
    echo "image ${status##*/}"
    LC_ALL=C apt "$@" -o "Dir::State::status=$status" list --upgradable 2> /dev/null
done
"""
UPGRADABLE = re.compile(r"^(\S+?)/\S+ (\S+) \S+ \[upgradable from: (\S+)\]$")


class UpdatesError(Exception):
    """Nobody could be asked; the text says why."""


@dataclass(frozen=True)
class Packages:
    """The Debian packages of an image.

    Args:
        release: Debian's codename; empty if the image is not a Debian.
        index: the date of Debian's index that they came from; empty if the image has none.
        status: dpkg's own list.
    """

    release: str = ""
    index: str = ""
    status: bytes = b""


@dataclass(frozen=True)
class Answer:
    """The mirror's answer.

    Args:
        index: the date of Debian's newest index of security updates.
        lacking: image -> its packages that have a security update, each with both versions; empty if there are none.
        dates: image -> the date of the index that its packages came from; empty if unknown.
        unknown: images that are not Debian, about which nothing is known.
    """

    index: str = ""
    lacking: Mapping[str, Sequence[str]] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    unknown: Sequence[str] = ()

    @property
    def outdated(self) -> list[str]:
        """The images that lack a security update."""
        return [image for image, packages in self.lacking.items() if packages]


def run(command: Sequence[str], given: bytes) -> tuple[int, str, str]:
    """Run ``command`` and return its exit status, output and errors.

    Args:
        command: program and arguments.
        given: its standard input.
    """
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return 1, "", f"no answer within {TIMEOUT} s"
    except OSError as error:
        return 1, "", f"{command[0]}: {error.strerror}"
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def look_command(image: str) -> list[str]:
    """Return the command that lists the packages of ``image``."""
    return ["docker", "run", *CONFINED, "--network=none", "--entrypoint=sh", image, "-c", LOOK]


def ask_command(image: str, certificates: str = "") -> list[str]:
    """Return the command that asks the mirror in the apt sources of ``image``.

    Args:
        image: a Debian image.
        certificates: a file with this machine's trusted certificates, for a mirror that is reached over HTTPS.
    """
    trusted = [f"--volume={certificates}:{CERTIFICATES}:ro"] if certificates else []
    # The machine's own network: it reaches the mirror wherever the machine's apt does.
    options = ["--interactive", "--network=host", *(f"--env={name}" for name in PROXIES), *trusted]
    return ["docker", "run", *CONFINED, *options, "--entrypoint=sh", image, "-c", ASK]


def look(image: str, execute: Run = run) -> Packages:
    """Return the packages of ``image``; none if it is not a Debian.

    Raises:
        UpdatesError: Docker could not run it.
    """
    code, output, errors = execute(look_command(image), b"")
    if code == DOCKER_FAILED:
        said = [line for line in errors.splitlines() if line.startswith("docker: ")]
        raise UpdatesError(f"{image}: {last_line(said[0] if said else errors)}")
    if code != 0:
        return Packages()
    first, _, status = output.partition("\n")
    release, _, index = first.partition(" ")
    return Packages(release, index.strip(), status.encode())


def ask(images: Iterable[str], certificates: str = "", execute: Run = run) -> Answer:
    """Ask the Debian mirror for the security updates that ``images`` lack.

    Args:
        images: the images' names; Docker pulls those that are missing here.
        certificates: a file with this machine's trusted certificates.
        execute: runs a command.

    Raises:
        UpdatesError: the mirror does not answer, or Docker does not.
    """
    names = sorted(set(images))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(pool.map(lambda name: (name, look(name, execute)), names))
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(found[name].release, []).append(name)
    unknown = groups.pop("", [])
    index = ""
    lacking: dict[str, Sequence[str]] = {}
    for members in groups.values():
        code, output, errors = execute(
            ask_command(asker(members), certificates), archive([found[name].status for name in members])
        )
        if code != 0:
            raise UpdatesError(problem(errors))
        date, lists = parse(output)
        index = max(index, date)
        lacking.update({name: lists.get(number, ()) for number, name in enumerate(members)})
    dates = {name: found[name].index for name in names if name not in unknown}
    return Answer(index, lacking, dates, tuple(unknown))


def asker(images: Sequence[str]) -> str:
    """Return the image in whose container apt asks for all ``images``."""
    return next((each for each in images if re.search(rf"/({'|'.join(HOUSE)})(:|@|$)", each)), images[0])


def archive(statuses: Sequence[bytes]) -> bytes:
    """Return a tar archive of ``statuses``, named by their numbers."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for number, status in enumerate(statuses):
            entry = tarfile.TarInfo(str(number))
            entry.size, entry.mode = len(status), 0o644
            tar.addfile(entry, io.BytesIO(status))
    return packed.getvalue()


def parse(output: str) -> tuple[str, dict[int, tuple[str, ...]]]:
    """Return the index's date, and number of an image -> its packages with updates, from the output of ``ASK``."""
    index, number = "", 0
    lists: dict[int, tuple[str, ...]] = {}
    for line in output.splitlines():
        kind, _, rest = line.partition(" ")
        upgradable = UPGRADABLE.match(line)
        if kind == "index":
            index = max(index, iso(rest))
        elif kind == "image":
            number = int(rest)
            lists[number] = ()
        elif upgradable:
            name, new, old = upgradable.groups()
            lists[number] = (*lists[number], f"{name} {old} -> {new}")
    return index, lists


def iso(date: str) -> str:
    """Return the date in an index ("Sun, 29 Nov 2026 00:53:14 UTC") as images record it."""
    read = datetime.strptime(date.strip(), "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=timezone.utc)
    return read.strftime("%Y-%m-%dT%H:%M:%SZ")


def problem(errors: str) -> str:
    """Return the sentence for apt's errors."""
    lines = [line.removeprefix("E: ") for line in errors.splitlines() if line.startswith("E: ")]
    return f"the Debian mirror was not asked: {lines[0] if lines else last_line(errors)}"


def last_line(text: str) -> str:
    """Return the last line of ``text`` that is not blank."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
