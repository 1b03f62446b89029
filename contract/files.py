"""Reads the contracts from the Compose files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

import yaml  # type: ignore[import-untyped] # the package has no types

from contract import networks, periodic, schema
from contract.check import Text, check
from contract.errors import ContractError
from contract.named import nearest, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

Content = TypeVar("Content")

#: The list of applications, and the house's own contract.
LIST, HOUSE = "compose.yaml", "compose.house.yaml"
#: The key of a contract in its Compose file.
KEY = "x-landfast"
#: The file with directives for Nginx, next to an application's contract.
EXTRA = "nginx.extra"
#: The similarity at which an unknown x-... key of a service is an error: other such keys belong to other programs.
SIMILARITY = 0.8


@dataclass(frozen=True)
class Contract:
    """The contract of an application, or of the house.

    Args:
        file: its path in the repository.
        needs: the value of ``x-landfast``.
        secrets: service -> name in /run/secrets -> secret.
        environment: service -> variable -> value, with placeholders.
        services: the names of all services in the file.
        volumes: the names of all volumes that the file declares.
        extra: the content of ``nginx.extra`` next to the file.
        every: service -> the timetable of its command.
        networks: the names of all networks that the file declares.
        calling_out: the names of the services in a network with connections to the internet.
        without_dns: the names of the services that resolve no external names.
    """

    file: str
    needs: Mapping[str, Any]
    secrets: Mapping[str, Mapping[str, str]]
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    services: Collection[str] = ()
    volumes: Collection[str] = ()
    extra: str = ""
    every: Mapping[str, str] = field(default_factory=dict)
    networks: Collection[str] = ()
    calling_out: Sequence[str] = ()
    without_dns: Collection[str] = ()

    @property
    def name(self) -> str:
        """The name of its folder, which is the application's."""
        return PurePosixPath(self.file).parent.name

    def get(self, *path: str) -> Any:  # noqa: ANN401 - contracts have values of several types
        """Return the value at a path of keys below ``x-landfast``; an empty mapping if there is none."""
        found: Any = self.needs
        for key in path:
            found = found.get(key) or {}
        return found

    def check_service(self, place: str, where: str) -> None:
        """Make sure that the service of a place is in this file.

        Args:
            place: ``NAME:PORT``; empty if the contract names none.
            where: file and key, for the message.

        Raises:
            ContractError: it is not.
        """
        name = place.partition(":")[0]
        if not name:
            raise ContractError(f"{where}.service is missing: a service of this file and its port, NAME:PORT")
        if name not in self.services:
            raise ContractError(f"{where}.service: {unknown('service', name, self.services, 'this file has no')}")


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # as above
    """Reads YAML as Compose does: no key is there twice, and the tags ``!reset`` and ``!override`` change no value."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            name = key.tag, str(key.value)
            if name in lines:
                problem = f"the key {key.value} is in line {lines[name]} already"
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark, "remove one of them")
            lines[name] = key.start_mark.line + 1
        return node


def _without_tag(loader: _Loader, _tag: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - YAML has no fourth kind
    return loader.construct_scalar(node)


def _text_with_line(loader: _Loader, node: yaml.ScalarNode) -> Text:
    text = Text(loader.construct_scalar(node))
    text.line = _line(node.start_mark)
    return text


_Loader.add_multi_constructor("!", _without_tag)
_Loader.add_constructor("tag:yaml.org,2002:str", _text_with_line)


def read(root: Path) -> list[Contract]:
    """Return the contracts of the house and of the listed applications.

    Args:
        root: the folder of compose.yaml.

    Raises:
        ContractError: a file is missing or not YAML, or has an unknown key or an invalid value; the message has a line
            for each fault of all files.
    """
    return _each((HOUSE, *listed(root)), lambda name: _read(root, name))


def _read(root: Path, name: str) -> Contract:
    contract = parse(name, _document(root / name, name))
    if name != HOUSE and not (contract.services or contract.needs):
        raise ContractError(f"{name} has no services and no contract: add some, or remove the file's line from {LIST}")
    extra = (root / name).with_name(EXTRA)
    return replace(contract, extra=_text(extra, f"{extra.relative_to(root)}")) if extra.is_file() else contract


def check_syntax(root: Path) -> None:
    """Make sure that Compose's files for laptops and servers are YAML, and have no part of a contract.

    Args:
        root: the folder of compose.yaml.

    Raises:
        ContractError: some are not, or have; the message has a line for each.
    """
    contracts = [HOUSE, *listed(root)]
    folders = dict.fromkeys((root / name).parent for name in contracts)
    names = [f"{path.relative_to(root)}" for folder in folders for path in sorted(folder.glob("compose*.yaml"))]
    _each(names, lambda name: _check_file(root, name, has_contract=name in {LIST, networks.TEMPLATES, *contracts}))


def _check_file(root: Path, name: str, *, has_contract: bool) -> None:
    document = _document(root / name, name)
    if not has_contract:
        _check_without_contract(document, name)


def _each(names: Iterable[str], read_one: Callable[[str], Content]) -> list[Content]:
    """Return the content of each file.

    Raises:
        ContractError: some files have faults; the message has a line for each.
    """
    found, faults = [], []
    for name in names:
        try:
            found.append(read_one(name))
        except ContractError as error:
            faults.append(str(error))
    if faults:
        raise ContractError("\n".join(faults))
    return found


def listed(root: Path) -> list[str]:
    """Return the paths of the applications' Compose files, as compose.yaml includes them.

    Raises:
        ContractError: an include has an unsupported form.
    """
    entries = _document(root / LIST, LIST).get("include") or []
    if not isinstance(entries, list):
        raise ContractError(f"{LIST}: include must be a list, not {entries!r}")
    found: list[str] = []
    for entry in entries:
        paths = entry.get("path") if isinstance(entry, dict) else entry
        for path in paths if isinstance(paths, list) else [paths]:
            if not isinstance(path, str):
                raise ContractError(f"{LIST}: include: {path!r} is not a path")
            if PurePosixPath(path).as_posix() in found:
                raise ContractError(f"{LIST}: include has {path} twice; remove one of the lines")
            found.append(PurePosixPath(path).as_posix())
    return [path for path in found if path != HOUSE]


def parse(file: str, document: Mapping[str, Any]) -> Contract:
    """Return the contract in the content of a Compose file.

    Raises:
        ContractError: the contract has an unknown key or an invalid value.
    """
    for key in document:
        if key != KEY and nearest(str(key).lower(), [KEY], SIMILARITY):
            raise ContractError(f"{file}: unknown key {key!r}; did you mean {KEY}?")
    needs = document.get(KEY)
    check(needs, schema.APPLICATION, f"{file}: {KEY}", may_be_empty=KEY not in document)
    services = _mapping(document.get("services"), f"{file}: services")
    services = {name: _mapping(entry, f"{file}: services.{name}") for name, entry in services.items()}
    for name, entry in services.items():
        where = f"{file}: services.{name}"
        _check_keys(entry, where)
        for key in schema.SERVICE.keys() & entry.keys():
            check(entry[key], schema.SERVICE[key], f"{where}.{key}", may_be_empty=True)
        periodic.check(entry, where)
    secrets, environment, every = (
        {name: entry[key] for name, entry in services.items() if key in entry}
        for key in ("x-secrets", "x-environment", "x-every")
    )
    volumes = _mapping(document.get("volumes"), f"{file}: volumes")
    declared = _mapping(document.get("networks"), f"{file}: networks")
    declared = {name: _mapping(entry, f"{file}: networks.{name}") for name, entry in declared.items()}
    return Contract(
        file,
        needs or {},
        secrets,
        environment,
        list(services),
        list(volumes),
        every=every,
        networks=list(declared),
        calling_out=networks.calling_out(services, declared),
        without_dns=networks.without_dns(services),
    )


def _check_keys(entry: Mapping[str, Any], where: str) -> None:
    """Make sure that no key of a service is a misspelt one of ours.

    Raises:
        ContractError: one is.
    """
    known = {**schema.SERVICE, **schema.SERVERS}
    for key in entry:
        close = "" if key in known else nearest(str(key).lower(), known, SIMILARITY)
        if close and str(key).lower().startswith("x-"):
            raise ContractError(f"{where}: unknown key {key!r}; did you mean {close}?")


def _check_without_contract(document: Mapping[str, Any], file: str) -> None:
    """Make sure that a file for laptops or servers alone has no part of a contract, which nothing would read there.

    Raises:
        ContractError: it has one, or a misspelt key.
    """
    services = _mapping(document.get("services"), f"{file}: services")
    entries = {
        f"{file}: services.{name}": _mapping(entry, f"{file}: services.{name}") for name, entry in services.items()
    }
    for where, entry in {f"{file}": document, **entries}.items():
        _check_keys(entry, where)
        for key in (KEY, *schema.SERVICE):
            if key in entry:
                raise ContractError(f"{where}: {key} is read only in compose.yaml; move it there")


def _mapping(value: object, where: str) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise ContractError(f"{where} must be a mapping, not {value!r}")
    return value or {}


def _document(path: Path, name: str) -> dict[str, Any]:
    text = _text(path, name)
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise ContractError(f"{name}, line {_line(error.problem_mark)}: {_problem(error)}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        raise ContractError(f"{name} is not valid YAML: {error}") from error
    return _mapping(document, name)


def _line(mark: yaml.Mark | None) -> int:
    return mark.line + 1 if mark else 1


def _problem(error: yaml.MarkedYAMLError) -> str:
    """Return YAML's message in one line, with the remedy. An open bracket is noticed in a later line only."""
    context = f", {error.context} (line {_line(error.context_mark)})" if error.context else ""
    remedy = error.note or "correct this line, or close a bracket or a quote before it"
    return f"this is not valid YAML: {error.problem}{context}; {remedy}"


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ContractError(f"{name}: the file does not exist; restore it, or remove its line from {LIST}") from None
    except (OSError, UnicodeError) as error:
        raise ContractError(f"{name}: {error}") from error
