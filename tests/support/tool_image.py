"""Images of tools that tests use, built from Dockerfiles beside the tests."""

from __future__ import annotations

import os

from tests.support.stack import ROOT, CommandError, docker

#: Seconds for an image from nothing.
BUILD = 600


def build(name: str, folder: str) -> None:
    """Build an image; the builder's cache has unchanged layers.

    Args:
        name: the name of the image.
        folder: the folder of its Dockerfile, relative to the repository's root.

    Raises:
        CommandError: the build failed; a mirror or an index may not answer.
    """
    base, bundle = os.environ.get("BASE_IMAGE"), os.environ.get("CA_BUNDLE")
    index = os.environ.get("PYTHON_INDEX_URL_FILE")
    options = [f"--build-arg=BASE_IMAGE={base}"] if base else []
    options += [f"--secret=id=ca_bundle,src={bundle}"] if bundle else []
    options += [f"--secret=id=python_index_url,src={ROOT / index}"] if index else []
    recipe = f"--file={ROOT / folder / 'Dockerfile'}"
    try:
        docker("build", "--quiet", *options, f"--tag={name}", recipe, str(ROOT), timeout=BUILD)
    except CommandError as error:
        raise CommandError(
            f"{folder}/Dockerfile was not built. Do Debian's mirror and the package indexes answer?\n{error}"
        ) from error
