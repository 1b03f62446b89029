"""``./stack sbom``: a software bill of materials for each image, in CycloneDX's JSON (https://cyclonedx.org/docs/1.6/json/).

It lists the packages that the image itself knows: Debian's by dpkg, Python's by metadata, npm's by ``package.json``.
The same image always gives the same document.
"""

from __future__ import annotations

import email.parser
import io
import json
import re
import subprocess
import tarfile
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cli import compose, process
from cli.app import plan
from cli.console import StackError
from cli.settings import ROOT
from rollout.updates import CONFINED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FOLDER = ROOT / ".cache" / "sbom"
TIMEOUT = 300
STATUS, SYSTEM, INDEX = "var/lib/dpkg/status", "etc/os-release", "usr/share/landfast/debian-index"
#: Prints a tar archive of the files that name packages. Python packages of Debian's own are among Debian's.
COLLECT = f"""
{{
    for file in /{STATUS} /{SYSTEM} /{INDEX} /usr/share/doc/*/copyright; do [ ! -e "$file" ] || echo "$file"; done
    find / -xdev -path '*.dist-info/METADATA' -not -path '/usr/lib/python3*'
    find / -xdev -path '*/node_modules/*' -name package.json
}} | tar --create --dereference --files-from=- 2> /dev/null
"""
#: A package's own file, and not one of a folder in it.
NPM = re.compile(r"(.*/)?node_modules/(@[^/]+/)?[^/]+/package\.json")
LICENCE = re.compile(r"^License: *(\S.*)$", re.MULTILINE)
#: The first line of a copyright file that programs can read.
DEP5 = "Format: http"
#: PEP 639: an SPDX expression. Older metadata has free text, some of it a whole licence.
LONGEST_NAME = 80


@dataclass(frozen=True)
class Package:
    """A package in an image.

    Args:
        name: its name.
        version: its version.
        purl: its package URL (https://github.com/package-url/purl-spec), which identifies it.
        licences: the names of its licences.
        expression: its licence as an SPDX expression, if it says so.
    """

    name: str
    version: str
    purl: str
    licences: Sequence[str] = field(default_factory=tuple)
    expression: str = ""

    def component(self) -> dict[str, Any]:
        """Return the package as CycloneDX writes it."""
        licences = [{"license": {"name": name}} for name in self.licences]
        given = [{"expression": self.expression}] if self.expression else licences
        base = {"type": "library", "bom-ref": self.purl, "name": self.name, "version": self.version, "purl": self.purl}
        return {**base, **({"licenses": given} if given else {})}


def show(services: Sequence[str]) -> int:
    """Print the document of each service's image; without a service, write those of all images to files.

    Raises:
        StackError: a service is unknown, an image is missing, or Docker failed.
    """
    found = plan.configuration(active=True)["services"]
    images = {name: entry["image"] for name, entry in found.items() if "image" in entry}
    unknown = sorted(set(services) - set(images))
    if unknown:
        raise StackError(
            f"there is no service {', '.join(unknown)}", f"those with an image: {', '.join(sorted(images))}"
        )
    for image in dict.fromkeys(images[service] for service in services):
        print(json.dumps(document(image), indent=1))
    if not services:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for image in sorted(set(images.values())):
            file = FOLDER / f"{image.rpartition('/')[2].replace(':', '-')}.cdx.json"
            file.write_text(json.dumps(document(image), indent=1) + "\n", encoding="utf-8")
            print(file)
    return 0


def document(image: str) -> dict[str, Any]:
    """Return the document of ``image``.

    Raises:
        StackError: the image is missing, or has no shell.
    """
    inspected = process.capture(compose.inspect_images([image]))
    if inspected.code != 0:
        raise StackError(f"{image} is not here", "./stack up builds it")
    command = ["docker", "run", *CONFINED, "--network=none", "--entrypoint=sh", image, "-c", COLLECT]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL)
    if not done.stdout:
        raise StackError(f"{image} could not be read", done.stderr.decode(errors="replace").strip())
    details = json.loads(inspected.stdout)[0]
    return describe(image, details["Id"], details["Created"], contents(done.stdout))


def contents(archive: bytes) -> dict[str, str]:
    """Return path -> text of the files in a tar archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = [(entry.name, tar.extractfile(entry)) for entry in tar if entry.isfile() or entry.islnk()]
        return {name: file.read().decode(errors="replace") for name, file in files if file}


def describe(image: str, identifier: str, created: str, files: Mapping[str, str]) -> dict[str, Any]:
    """Return the document of an image.

    Args:
        image: its name.
        identifier: its digest.
        created: when it was built.
        files: path -> text of the files that name packages.
    """
    packages = {package.purl: package for package in (*debian(files), *python(files), *npm(files))}
    properties = [{"name": "landfast:debian-index", "value": files[INDEX].strip()}] if INDEX in files else []
    described = {"type": "container", "bom-ref": identifier, "name": image, "version": identifier}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, identifier)}",
        "version": 1,
        "metadata": {
            "timestamp": f"{created[:19]}Z",
            "component": {**described, **({"properties": properties} if properties else {})},
        },
        "components": [packages[purl].component() for purl in sorted(packages)],
    }


def debian(files: Mapping[str, str]) -> Iterator[Package]:
    """Yield the packages that dpkg has installed."""
    codename = re.search(r"^VERSION_CODENAME=(\w+)", files.get(SYSTEM, ""), re.MULTILINE)
    for stanza in files.get(STATUS, "").split("\n\n"):
        fields = dict(re.findall(r"^([\w-]+): (.*)$", stanza, re.MULTILINE))
        if fields.get("Status") != "install ok installed":
            continue
        name, version = fields["Package"], fields["Version"]
        where = f"?arch={fields['Architecture']}" + (f"&distro={codename[1]}" if codename else "")
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}{where}"
        text = files.get(f"usr/share/doc/{name}/copyright", "")
        licences = {licence.strip() for licence in LICENCE.findall(text)} if text.startswith(DEP5) else set()
        yield Package(name, version, purl, sorted(licences))


def python(files: Mapping[str, str]) -> Iterator[Package]:
    """Yield the Python packages outside Debian's."""
    for path, text in files.items():
        if not path.endswith("/METADATA"):
            continue
        fields = email.parser.Parser().parsestr(text, headersonly=True)
        name, version = str(fields["Name"]), str(fields["Version"])
        purl = f"pkg:pypi/{quote(re.sub(r'[-_.]+', '-', name).lower())}@{quote(version, safe='')}"
        classified = [entry for entry in fields.get_all("Classifier", []) if entry.startswith("License ::")]
        names = [entry.rpartition(" :: ")[2] for entry in classified] or one_line(fields["License"])
        yield Package(name, version, purl, sorted(set(names)), str(fields["License-Expression"] or ""))


def npm(files: Mapping[str, str]) -> Iterator[Package]:
    """Yield the packages in ``node_modules``."""
    for path, text in files.items():
        if not NPM.fullmatch(path):
            continue
        fields = json.loads(text)
        name, version = fields.get("name"), fields.get("version")
        if name and version:
            purl = f"pkg:npm/{quote(name, safe='/')}@{quote(version, safe='')}"
            yield Package(name, version, purl, one_line(fields.get("license")))


def one_line(licence: object) -> Sequence[str]:
    """Return the name of a licence, if it is one and no text."""
    name = licence.strip() if isinstance(licence, str) else ""
    return [name] if name and name != "UNKNOWN" and "\n" not in name and len(name) <= LONGEST_NAME else []


def without_licence(documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the packages whose licence is unknown."""
    return sorted({each["purl"] for one in documents for each in one["components"] if "licenses" not in each})
