"""Images of tools that tests use, built from Dockerfiles beside the tests."""

from __future__ import annotations

import os

from tests.support.stack import ROOT, docker

#: Seconds for an image from nothing.
BUILD = 600


def build(name: str, folder: str) -> None:
    """Build an image; the builder's cache has unchanged layers.

    Args:
        name: the name of the image.
        folder: the folder of its Dockerfile, relative to the repository's root.
    """
    base, bundle = os.environ.get("BASE_IMAGE"), os.environ.get("CA_BUNDLE")
    options = [f"--build-arg=BASE_IMAGE={base}"] if base else []
    options += [f"--secret=id=ca_bundle,src={bundle}"] if bundle else []
    docker(
        "build",
        "--quiet",
        *options,
        "--tag",
        name,
        "--file",
        str(ROOT / folder / "Dockerfile"),
        str(ROOT),
        timeout=BUILD,
    )
