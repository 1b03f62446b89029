#!/usr/bin/env python3
"""Compare the two forms of a contract on a product: ``python tests/bench/contract_forms/generate.py``.

Wagtail's contract is a Compose file (``tests/products/wagtail``). ``wagtail.toml`` says the same in a language of our
own, from which this program generates the Compose file. It prints how many lines each form has, and fails if the
generated file differs from the written one. docs/adr/0026 has the conclusion. It needs PyYAML, as the environment of
``./stack test`` has it.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped] # it has no types of its own

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
NAME = "wagtail"
WRITTEN = ROOT / "tests/products" / NAME / "compose.yaml"
OWN = HERE / f"{NAME}.toml"

Mapping = dict[str, Any]


class Loader(yaml.SafeLoader):  # type: ignore[misc] # as above
    """Reads Compose files; Compose's own tags become mappings, so that they can be compared."""


def _tagged(loader: Loader, tag: str, node: yaml.Node) -> Mapping:
    construct = loader.construct_sequence if isinstance(node, yaml.SequenceNode) else loader.construct_scalar
    return {f"!{tag}": construct(node)}


Loader.add_multi_constructor("!", _tagged)


def generated(own: Mapping) -> Mapping:
    """Return the Compose file that follows from a contract in our own language."""
    services = {
        NAME: _web(own),
        f"{NAME}-periodic": _periodic(own),
        f"migrate-{NAME}": _migration(own),
        "nginx": {"networks": [NAME], "volumes": [{**_media(own), "read_only": True, "volume": {"nocopy": True}}]},
        "postgres": {"networks": [f"{NAME}-data"]},
        "redis-cache": {"networks": [f"{NAME}-data"]},
    }
    networks: dict[str, Mapping] = {network: {"internal": True} for network in (NAME, f"{NAME}-data")}
    if own["web"]["egress"]:
        networks[f"{NAME}-egress"] = {}
    return {"x-landfast": _needs(own), "services": services, "networks": networks, "volumes": {NAME: None}}


def _needs(own: Mapping) -> Mapping:
    locations = {path: _location(each) for path, each in own["locations"].items()}
    return {
        "http": {"hosts": own["hosts"], "locations": locations, "smoke": own["smoke"]},
        "readiness": {NAME: {"service": f"{NAME}:8000", "path": own["web"]["ready"]}},
        "database": {"databases": {NAME: {}}},
        "redis": {"users": {NAME: {"servers": own["needs"]["redis"]}}},
        "secrets": own["needs"]["secrets"],
        **({"egress": ["smtp"]} if own["web"]["egress"] else {}),
    }


def _location(own: Mapping) -> Mapping:
    rest = {key: value for key, value in own.items() if key != "port"}
    return {"service": f"{NAME}:{own['port']}", **rest} if "port" in own else rest


def _media(own: Mapping) -> Mapping:
    return {"type": "volume", "source": NAME, "target": own["volume"]}


def _base(own: Mapping, part: str, service: str, template: str) -> Mapping:
    secrets = {"nocopy": True, "subpath": service}
    mounted = {"type": "volume", "source": "service-secrets", "target": "/run/secrets", "read_only": True}
    return {
        "image": f"${{COMPOSE_PROJECT_NAME:-landfast}}/{NAME}",
        "entrypoint": ["stop-gently", "sh", "/run/secrets/with-environment"],
        "x-environment": own["environment"],
        "extends": {"file": "compose.templates.yaml", "service": template},
        "command": ["json-lines", service, *own[part]["command"]],
        "networks": [f"{NAME}-data"],
        "volumes": [{**mounted, "volume": secrets}],
        "deploy": {"resources": {"limits": {key: own[part][key] for key in ("memory", "pids")}}},
    }


def _after_migration(service: Mapping, own: Mapping) -> Mapping:
    migrated = {f"migrate-{NAME}": {"condition": "service_completed_successfully"}}
    return {**service, "depends_on": migrated, "volumes": [*service["volumes"], _media(own)]}


def _web(own: Mapping) -> Mapping:
    web = own["web"]
    ask = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000{web['ready']}')"
    egress: Mapping = {"networks": [NAME, f"{NAME}-data", f"{NAME}-egress"], "dns": {"!reset": []}}
    return {
        **_after_migration(_base(own, "web", NAME, "application"), own),
        **(egress if web["egress"] else {"networks": [NAME, f"{NAME}-data"]}),
        "build": {
            "context": own["build"],
            "additional_contexts": {"house": "."},
            "args": {"BASE_IMAGE": "${BASE_IMAGE:-debian:trixie-slim}"},
            "secrets": ["ca_bundle", "python_index_url"],
        },
        "healthcheck": {"test": ["CMD", "python", "-c", ask]},
        "stop_grace_period": web["stop_grace_period"],
    }


def _periodic(own: Mapping) -> Mapping:
    service = _after_migration(_base(own, "periodic", f"{NAME}-periodic", "periodic"), own)
    entrypoint = ["sh", "/run/secrets/periodically"]
    return {**service, "pull_policy": "never", "entrypoint": entrypoint, "x-every": own["periodic"]["every"]}


def _migration(own: Mapping) -> Mapping:
    service = _base(own, "migration", f"migrate-{NAME}", "migration")
    return {**service, "pull_policy": "never", "networks": {"!override": service["networks"]}}


def lines(path: Path) -> int:
    """Return how many lines a file has that are neither empty nor comments."""
    text = path.read_text(encoding="utf-8").splitlines()
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text)


def main() -> None:
    """Compare, and print the lines of each form."""
    written = yaml.load(WRITTEN.read_bytes(), Loader)  # noqa: S506 - a SafeLoader
    written = {key: value for key, value in written.items() if not key.startswith("x-") or key == "x-landfast"}
    made = generated(tomllib.loads(OWN.read_text(encoding="utf-8")))
    if made != written:
        places = [f"{part}.{key}" for part in written for key in written[part] or {} if made[part] != written[part]
                  and (made[part] or {}).get(key) != written[part][key]]  # fmt: skip
        sys.exit(f"the generated file differs from {WRITTEN.relative_to(ROOT)} in {', '.join(places)}")
    print("| form | lines | |\n| --- | --- | --- |")
    print(f"| Compose | {lines(WRITTEN)} | a Compose user's language, no generator |")
    print(f"| our own | {lines(OWN)} | and {lines(Path(__file__))} of a generator that knows this one product's keys |")


if __name__ == "__main__":
    main()
