"""The bill of materials of an image, from the files in it that name packages."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from cli import process, sbom
from cli.console import StackError

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 1998 Somebody
License: Apache-2.0

Files: debian/*
License: GPL-2+
 Text of the licence.
"""
FILES = {
    sbom.SYSTEM: 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_CODENAME=trixie\n',
    sbom.INDEX: "2026-11-29T00:53:14Z\n",
    sbom.STATUS: (
        "Package: libssl3t64\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.5.4-1~deb13u1\n"
        "Description: library\n Version: none of the package's\n\n"
        "Package: g++-x\nStatus: install ok installed\nArchitecture: all\nVersion: 4:14.2+1\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n"
    ),
    "usr/share/doc/libssl3t64/copyright": COPYRIGHT,
    "usr/share/doc/g++-x/copyright": "This is GCC.\nLicense: none that a program can read\n",
    "opt/venv/lib/python3.13/site-packages/Flask_SQLAlchemy-3.1.1.dist-info/METADATA": (
        "Metadata-Version: 2.1\nName: Flask-SQLAlchemy\nVersion: 3.1.1\n"
        "Classifier: License :: OSI Approved :: BSD License\nLicense: a text\n of two lines\n\n"
        "License: of the description\n"
    ),
    "opt/venv/lib/python3.13/site-packages/celery-5.7.0.dist-info/METADATA": (
        "Metadata-Version: 2.4\nName: celery\nVersion: 5.7.0\nLicense-Expression: BSD-3-Clause\n\n"
    ),
    "app/node_modules/@maildev/ui/package.json": '{"name": "@maildev/ui", "version": "1.0.0", "license": "MIT"}',
    "app/node_modules/express/test/package.json": '{"name": "fixture", "version": "1.0.0"}',
}
IMAGE = ("landfast/nginx", "sha256:1", "2026-11-30T12:00:00.123456789Z")


def described() -> dict[str, dict[str, object]]:
    return {each["purl"]: each for each in sbom.describe(*IMAGE, FILES)["components"]}


def test_it_lists_the_packages_of_debian_python_and_npm_once_each() -> None:
    assert list(described()) == [
        "pkg:deb/debian/g%2B%2B-x@4%3A14.2%2B1?arch=all&distro=trixie",
        "pkg:deb/debian/libssl3t64@3.5.4-1~deb13u1?arch=amd64&distro=trixie",
        "pkg:npm/%40maildev/ui@1.0.0",
        "pkg:pypi/celery@5.7.0",
        "pkg:pypi/flask-sqlalchemy@3.1.1",
    ]


def test_it_names_the_licences_that_packages_declare_and_invents_none() -> None:
    licences = {purl.partition("@")[0]: each.get("licenses") for purl, each in described().items() if "npm" not in purl}

    assert licences == {
        "pkg:deb/debian/g%2B%2B-x": None,
        "pkg:deb/debian/libssl3t64": [{"license": {"name": "Apache-2.0"}}, {"license": {"name": "GPL-2+"}}],
        "pkg:pypi/celery": [{"expression": "BSD-3-Clause"}],
        "pkg:pypi/flask-sqlalchemy": [{"license": {"name": "BSD License"}}],
    }
    assert sbom.without_licence([sbom.describe(*IMAGE, FILES)]) == [
        "pkg:deb/debian/g%2B%2B-x@4%3A14.2%2B1?arch=all&distro=trixie"
    ]


def test_it_names_the_image_and_the_date_of_its_packages() -> None:
    written = sbom.describe(*IMAGE, FILES)

    assert (written["bomFormat"], written["specVersion"]) == ("CycloneDX", "1.6")
    assert written["metadata"]["timestamp"] == "2026-11-30T12:00:00Z"
    component = written["metadata"]["component"]
    assert (component["type"], component["name"], component["version"]) == ("container", "landfast/nginx", "sha256:1")
    assert component["properties"] == [{"name": "landfast:debian-index", "value": "2026-11-29T00:53:14Z"}]


def test_the_same_image_gives_the_same_document() -> None:
    backwards = dict(reversed(FILES.items()))

    assert json.dumps(sbom.describe(*IMAGE, FILES)) == json.dumps(sbom.describe(*IMAGE, backwards))


def test_it_reads_what_tar_prints() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo(sbom.INDEX)
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"2026\n"))

    assert sbom.contents(packed.getvalue()) == {sbom.INDEX: "2026\n"}


def test_an_unknown_service_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    config = json.dumps({"services": {"nginx": {"image": "landfast/nginx"}}})
    monkeypatch.setattr(process, "capture", lambda *_, **__: process.Output(0, config))

    with pytest.raises(StackError, match=r"no service ngnix\n.*nginx"):
        sbom.show(["ngnix"])
