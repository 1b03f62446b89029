"""Contracts as they stand in the Compose files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped] # it has no types of its own

from contract import periodic, schema
from contract.check import check, misspelt
from contract.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

#: The list of applications, and the house's own contract.
LIST, HOUSE = "compose.yaml", "compose.house.yaml"
#: The house's network that leads out.
EGRESS = "egress"
#: Directives for Nginx, beside an application's contract.
EXTRA = "nginx.extra"
#: How alike a service's key and one of ours are if that is meant: other x-... keys are other people's.
ALIKE = 0.8


@dataclass(frozen=True)
class Contract:
    """The contract of an application, or of the house.

    Args:
        file: where it stands.
        needs: what ``x-landfast`` says.
        secrets: service -> name in /run/secrets -> secret.
        environment: service -> variable -> value, with placeholders.
        services: the names of all services in the file.
        every: service -> when its command runs.
        volumes: the names of all volumes that it declares.
        calling_out: the names of the services in a network that leads out: ``egress``, or one of its own that is not
            ``internal``.
        extra: what ``nginx.extra`` beside it says.
    """

    file: str
    needs: Mapping[str, Any]
    secrets: Mapping[str, Mapping[str, str]]
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    services: Collection[str] = ()
    volumes: Collection[str] = ()
    extra: str = ""
    every: Mapping[str, str] = field(default_factory=dict)
    calling_out: Sequence[str] = ()


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # as above
    """Reads YAML as Compose does: what follows ``!reset`` or ``!override`` is a value like others."""


def _without_tag(loader: _Loader, _tag: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - there is no fourth kind
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _without_tag)


def read(root: Path) -> list[Contract]:
    """Return the house's contract and those of the listed applications.

    Args:
        root: the folder of compose.yaml.

    Raises:
        ContractError: a file is missing, is no YAML, or says something that nothing reads.
    """
    found = [parse(name, _document(root / name, name)) for name in (HOUSE, *listed(root))]
    extras = [(root / contract.file).with_name(EXTRA) for contract in found]
    return [
        replace(contract, extra=_text(extra, f"{extra.relative_to(root)}")) if extra.is_file() else contract
        for contract, extra in zip(found, extras, strict=True)
    ]


def listed(root: Path) -> list[str]:
    """Return the Compose files of the applications that compose.yaml includes, as it names them.

    Raises:
        ContractError: it includes something in a form that is not understood here.
    """
    entries = _document(root / LIST, LIST).get("include") or []
    if not isinstance(entries, list):
        raise ContractError(f"{LIST}: include must be a list, not {entries!r}")
    found = []
    for entry in entries:
        paths = entry.get("path") if isinstance(entry, dict) else entry
        for path in paths if isinstance(paths, list) else [paths]:
            if not isinstance(path, str):
                raise ContractError(f"{LIST}: include: {path!r} is no path")
            found.append(PurePosixPath(path).as_posix())
    return [path for path in found if path != HOUSE]


def parse(file: str, document: Mapping[str, Any]) -> Contract:
    """Return the contract in a Compose file's content.

    Raises:
        ContractError: it says something that nothing reads.
    """
    needs = document.get("x-landfast") or {}
    check(needs, schema.APPLICATION, f"{file}: x-landfast")
    services = _mapping(document.get("services"), f"{file}: services")
    services = {name: _mapping(entry, f"{file}: services.{name}") for name, entry in services.items()}
    for name, entry in services.items():
        where = f"{file}: services.{name}"
        for key in entry:
            if key in schema.SERVICE:
                check(entry[key], schema.SERVICE[key], f"{where}.{key}")
            elif key.startswith("x-") and (meant := misspelt(key, schema.SERVICE, ALIKE)):
                raise ContractError(f"{where}: nothing reads {key!r}; {meant}")
        periodic.check(entry, where)
    secrets, environment, every = (
        {name: entry[key] for name, entry in services.items() if key in entry} for key in schema.SERVICE
    )
    volumes = _mapping(document.get("volumes"), f"{file}: volumes")
    networks = _mapping(document.get("networks"), f"{file}: networks")
    outside = {EGRESS, *(name for name, entry in networks.items() if _leads_out(_mapping(entry, name)))}
    calling_out = [name for name, entry in services.items() if not outside.isdisjoint(_names(entry.get("networks")))]
    return Contract(
        file, needs, secrets, environment, list(services), list(volumes), every=every, calling_out=calling_out
    )


def _leads_out(network: Mapping[str, Any]) -> bool:
    """Return whether containers in a declared network reach addresses outside."""
    masquerades = (network.get("driver_opts") or {}).get("com.docker.network.bridge.enable_ip_masquerade") != "false"
    return masquerades and not network.get("internal")


def _names(value: object) -> list[str]:
    """Return the names in one of Compose's lists, which may be mappings, too."""
    return [str(name) for name in value] if isinstance(value, (list, dict)) else []


def _mapping(value: object, where: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise ContractError(f"{where} must be a mapping, not {value!r}")
    return value or {}


def _document(path: Path, name: str) -> dict[str, Any]:
    try:
        document = yaml.load(_text(path, name), _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ContractError(f"{name} is no YAML: {error}") from error
    return _mapping(document, name)


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ContractError(f"{name}: there is no such file; {LIST} names it") from None
    except (OSError, UnicodeError) as error:
        raise ContractError(f"{name}: {error}") from error
