"""The commands that playbooks call on the controller: ``python -m cli.servers COMMAND``, with JSON on stdin and stdout.

Secrets are read only from standard input. The output has keyed digests of them, and derived files for the servers.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cli.console import StackError
from cli.servers import configuration, images, program, values, vault
from cli.servers.manifest import Manifest, external_addresses, random_secret
from cli.servers.render import render, secret_name
from cli.servers.service import Release

#: Secrets that must stay -> the reason.
LASTING = {"backup_passphrase": "nothing would open the backups any more"}
#: A placeholder for the digest of an image that is not built yet.
UNBUILT = "sha256:unbuilt"


def name(given: dict[str, Any]) -> dict[str, Any]:
    """Return the name of this checkout's release."""
    return {"release": images.release_name(dirty=given["dirty"])}


def list_hosts(_: dict[str, Any]) -> dict[str, Any]:
    """Return the applications' host names on servers, each with its contract's file."""
    return {"hosts": dict(Manifest.read().hosts)}


def list_egress(given: dict[str, Any]) -> dict[str, Any]:
    """Return the applications' lists of external addresses for the hosts' firewalls."""
    if not isinstance(given["settings"], dict):
        raise StackError(f"{values.VARIABLE} must be names with their values, like WORKER_REPLICAS: 4")
    settings = {name: values.text(value) for name, value in given["settings"].items() if value is not None}
    return external_addresses(settings)


def provide_images(given: dict[str, Any]) -> dict[str, Any]:
    """Build and send the images of this checkout."""
    return asdict(images.provide(given["ssh"], given["registry"], dirty=given["dirty"]))


def pack_program(_: dict[str, Any]) -> dict[str, Any]:
    """Pack the program that rolls releases out."""
    return {"path": str(program.pack())}


def check_settings(given: dict[str, Any]) -> dict[str, Any]:
    """Check variables, settings and secrets before anything is built, and that Swarm could run the result."""
    manifest, settings = Manifest.read(), settings_of(given)
    values.check_variables(given["variables"])
    manifest.check(given["secrets"])
    values.check_names(settings, configuration.known())
    present = [name for name, value in given["secrets"].items() if value]
    values.check(settings, configuration.setting_rules(configuration.read({})), present)
    config = configuration.read(settings)
    images = {image: f"{image}@{UNBUILT}" for image in configuration.built_images(config)}
    render(config, manifest, Release("unbuilt", given["stack"], images, manifest.versions(given["secrets"])))
    return {}


def plan(given: dict[str, Any]) -> dict[str, Any]:
    """Render the stack."""
    manifest = Manifest.read()
    manifest.check(given["secrets"])
    release = Release(given["release"], given["stack"], given["images"], manifest.versions(given["secrets"]))
    return asdict(render(configuration.read(settings_of(given)), manifest, release))


def settings_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return the inventory's settings over the derived ones that a Compose file reads; none without a value.

    Raises:
        StackError: the settings are not a mapping.
    """
    if not isinstance(given["settings"], dict):
        raise StackError(f"{values.VARIABLE} must be names with their values, like WORKER_REPLICAS: 4")
    known = configuration.known()
    derived = {name: value for name, value in given.get("derived", {}).items() if name in known}
    return {name: value for name, value in {**derived, **given["settings"]}.items() if value is not None}


def names(given: dict[str, Any]) -> dict[str, Any]:
    """Return the secrets' names in Swarm, the files that the host keeps, and the contents of derived files.

    With ``recorded``, ``contents`` and ``secrets`` of a recorded plan, the secrets in Swarm are those of that release.
    The host's own files are always this checkout's: they only add to PostgreSQL, like migrations.
    """
    manifest = Manifest.read()
    manifest.check(given["secrets"])
    recorded = given.get("recorded")
    release = manifest.recorded(recorded["contents"], recorded["secrets"]) if recorded else manifest
    return {
        "secrets": {
            name: secret_name(given["stack"], name, version)
            for name, version in release.versions(given["secrets"]).items()
        },
        "files": {service: dict(files) for service, files in manifest.consumers.items()},
        "contents": release.filled(given["secrets"]),
        "host_contents": manifest.filled(given["secrets"]),
    }


def make_secrets(given: dict[str, Any]) -> dict[str, Any]:
    """Add missing secrets to the vault."""
    path = Path(given["vault"])
    present = vault.read(path)
    complete = Manifest.read().complete(present)
    made = sorted(set(complete) - set(present))
    if made:
        vault.write(path, complete)
    return {"changed": bool(made), "made": made}


def renew_secret(given: dict[str, Any]) -> dict[str, Any]:
    """Replace the value of one secret by a new random one.

    Raises:
        StackError: there is no such secret, or it must stay.
    """
    path, name = Path(given["vault"]), given["secret"]
    manifest = Manifest.read()
    if name not in manifest.lengths or name in manifest.optional:
        raise StackError(f"{name} is no secret that is made here", f"those are: {', '.join(sorted(manifest.lengths))}")
    if name in LASTING:
        raise StackError(
            f"{name} cannot be replaced: {LASTING[name]}",
            "move the repository away and keep its passphrase; then ansible-vault edit, and deploy",
        )
    values = vault.read(path)
    vault.write(path, {**values, name: random_secret(manifest.lengths[name])})
    return {"changed": True}


COMMANDS = {
    "name": name,
    "check-settings": check_settings,
    "hosts": list_hosts,
    "egress": list_egress,
    "images": provide_images,
    "program": pack_program,
    "plan": plan,
    "names": names,
    "make-secrets": make_secrets,
    "renew-secret": renew_secret,
}


def main() -> int:
    """Run the command that the arguments name and return the exit status."""
    parser = argparse.ArgumentParser(prog="cli.servers", description=__doc__)
    parser.add_argument("command", choices=sorted(COMMANDS))
    try:
        result = COMMANDS[parser.parse_args().command](json.load(sys.stdin))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    json.dump(result, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
