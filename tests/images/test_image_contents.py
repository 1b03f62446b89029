"""What images hold besides their service: nothing that helps an intruder, and a list of what may need an update."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cli import sbom
from rollout import updates
from tests.support.stack import docker

if TYPE_CHECKING:
    from tests.support.stack import Stack

#: Prints paths with the name of the rule that they break.
SEARCH = r"""
find / -xdev -type f -perm /6000 -printf 'setid %p\n'
find / -xdev ! -type l -perm -0002 ! -path /tmp -printf 'writable %p\n'
find / -xdev ! -type d -path '*bin/*' \( -name cc -o -name 'c++' -o -name 'gcc*' -o -name '*-gcc*' -o -name 'g++*' \
    -o -name 'clang*' -o -name as -o -name ld -o -name make -o -name cargo -o -name rustc -o -name uv \
    -o -name 'pip*' \) -printf 'compiler %p\n'
find /var/lib/apt/lists /var/cache/apt -xdev -type f ! -name lock -printf 'cache %p\n'
find / -xdev \( -path '*/.cache/*' -o -path '*/_cacache/*' -o -path /opt/build-tools \) -printf 'cache %p\n'
find /var/log -xdev -type f -size +0 -printf 'log %p\n'
grep --recursive --files-with-matches --text -e '-----BEGIN .*PRIVATE KEY-----' /etc /var /root /home |
    sed 's/^/key /'
cat /usr/share/landfast/debian-index | sed 's/^/index /'
"""
RULES = ("setid", "writable", "compiler", "cache", "log", "key")


@pytest.fixture(scope="module")
def found(images: Stack) -> dict[str, list[tuple[str, str]]]:
    """What the search finds in each image: rule and path."""

    def search(image: str) -> tuple[str, list[tuple[str, str]]]:
        options = ("--rm", "--network=none", "--user=0", "--entrypoint=sh")
        lines = docker("run", *options, image, "-c", SEARCH).splitlines()
        return image, [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]

    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(search, sorted(images.images)))


@pytest.mark.parametrize("rule", RULES)
def test_no_image_holds(found: dict[str, list[tuple[str, str]]], rule: str) -> None:
    """No set-user-ID file, no place but /tmp that all may write to, no compiler, package cache, log or private key."""
    assert [f"{image} {path}" for image, lines in found.items() for kind, path in lines if kind == rule] == []


def test_the_search_would_find_them(images: Stack) -> None:
    make = (
        "install -m 4755 /dev/null /usr/bin/setid; install -m 0755 /dev/null /usr/bin/gcc-14; echo x > /var/log/x;"
        "install -D /dev/null /root/.cache/x; install -m 0666 /dev/null /var/lib/apt/lists/a;"
        "echo '-----BEGIN PRIVATE KEY-----' > /etc/key;"
    )
    options = ("--rm", "--network=none", "--user=0", "--entrypoint=sh")
    lines = docker("run", *options, min(images.images), "-c", make + SEARCH).splitlines()

    assert {line.partition(" ")[0] for line in lines} >= set(RULES)


def test_every_image_knows_the_date_of_its_packages(found: dict[str, list[tuple[str, str]]]) -> None:
    dates = {image: [value for kind, value in lines if kind == "index"] for image, lines in found.items()}

    assert [
        image for image, date in dates.items() if not re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "".join(date))
    ] == []


def test_the_mirror_knows_the_security_updates_of_an_image_with_old_packages(images: Stack) -> None:
    """Its list of packages is made older; apt, the mirror and the sources are the real ones."""
    nginx = next(image for image in images.images if image.endswith("/nginx"))

    def aged(command: list[str], given: bytes) -> tuple[int, str, str]:
        code, output, errors = updates.run(command, given)
        if command[-1] == updates.LOOK:
            output = re.sub(r"(Package: libssl3t64\n(?:.+\n)*?Version: ).*", r"\g<1>3.0.0-1", output)
        return code, output, errors

    answer = updates.ask([nginx], execute=aged)  # type: ignore[arg-type]

    assert [line.partition(" ->")[0] for line in answer.lacking[nginx] if line.startswith("libssl3t64 ")] == [
        "libssl3t64 3.0.0-1"
    ]
    assert answer.index >= answer.dates[nginx][:4]


def test_every_image_has_a_bill_of_materials_with_versions_and_licences(images: Stack) -> None:
    documents = {image: sbom.document(image) for image in sorted(images.images)}

    for image, written in documents.items():
        purls = [each["purl"] for each in written["components"]]
        assert [purl for purl in purls if purl.startswith("pkg:deb/debian/base-files@")], image
        assert written["metadata"]["component"]["properties"], "the date of its packages"
    django = next(written for image, written in documents.items() if image.endswith("/web-django"))
    assert [each for each in django["components"] if each["purl"].startswith("pkg:pypi/django@")]
    every = {each["purl"] for written in documents.values() for each in written["components"]}
    # A few packages of Debian have a copyright file that only people can read.
    assert len(sbom.without_licence(documents.values())) < len(every) / 10
