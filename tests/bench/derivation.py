#!/usr/bin/env python3
"""Print the lines that ``contract/`` derives for each application, and its own: ``python3 tests/bench/derivation.py``.

The lines of an application are those that the derived files have more than those of the house alone. It needs Python
3.11 and PyYAML (Debian: ``python3-yaml``), and no Docker. docs/adr/0056-the-size-of-the-derivation.md says what the
sizes mean.
"""

from __future__ import annotations

import ast
import io
import sys
import tempfile
import tokenize
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from contract import files  # noqa: E402 - importable once the path is set
from contract.derived import derive  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from contract.files import Contract

#: Lists of applications beside that of this checkout, each without the demo.
MORE = ("tests/products/applications.yaml", "tests/stub/applications-alone.yaml")
#: The modules of the contract's language: they define its keys, read its files, and derive nothing.
LANGUAGE = {"schema", "check", "files", "named", "networks", "errors"}
#: Names of derived files that are scripts in the application's containers.
SCRIPTS = (".with-environment", ".periodically")
_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


@dataclass(frozen=True)
class Lines:
    """The lines of an application.

    Args:
        name: its name.
        written: the lines of its contract, without comments.
        derived: derived file -> the lines in it that are there for the application.
        given: the number of files in /run/secrets that services get for it, secrets included.
    """

    name: str
    written: int
    derived: Counter[str]
    given: int

    @property
    def row(self) -> str:
        """The row of a table in Markdown."""
        everything = self.derived.total()
        nginx = sum(number for file, number in self.derived.items() if file.startswith("nginx."))
        scripts = sum(number for file, number in self.derived.items() if file.endswith(SCRIPTS))
        parts = (everything, nginx, scripts, everything - nginx - scripts)
        return "| " + " | ".join(map(str, (self.name, self.written, *parts, self.given))) + " |"


def applications(root: Path, listed: str) -> Iterator[Lines]:
    """Yield the lines of each application of a list.

    Args:
        root: the folder of compose.yaml.
        listed: the list's path in it.
    """
    house, *others = read(root, listed)
    before, given_before = derived([house])
    for contract in others:
        written = filter(is_code, (root / contract.file).read_text(encoding="utf-8").splitlines())
        after, given = derived([house, contract])
        after.subtract(before)
        yield Lines(contract.name, len(list(written)), +after, given - given_before)


def derived(contracts: Sequence[Contract]) -> tuple[Counter[str], int]:
    """Return derived file -> its number of lines, and the number of files in /run/secrets of all services."""
    found = derive(contracts)
    numbers = Counter({name: len(content.splitlines()) for name, content in found.contents.items()})
    return numbers, sum(map(len, found.consumers.values()))


def read(root: Path, listed: str) -> list[Contract]:
    """Return the contracts of the house and of the applications in a list.

    Args:
        root: the folder of compose.yaml.
        listed: the list's path in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in (files.HOUSE, "services", "tests"):
            Path(folder, name).symlink_to(root / name)
        Path(folder, files.LIST).symlink_to(root / listed)
        return files.read(Path(folder))


def is_code(line: str) -> bool:
    """Return whether a line of YAML is neither blank nor a comment."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


@dataclass(frozen=True)
class Size:
    """The lines of code of a module or of several: without blank lines, comments and docstrings.

    Args:
        imports: those that import.
        refusals: those that refuse a contract.
        others: all other ones.
    """

    imports: int = 0
    refusals: int = 0
    others: int = 0

    def __add__(self, other: Size) -> Size:
        """Return the sum."""
        return Size(self.imports + other.imports, self.refusals + other.refusals, self.others + other.others)

    @property
    def all(self) -> int:
        """All lines of code."""
        return self.imports + self.refusals + self.others


def size(text: str) -> Size:
    """Return the size of a module.

    A statement ``if …: raise ContractError(…)``, a function that only checks, and a ``try`` whose handlers raise the
    same error are refusals.

    Args:
        text: the module's source.
    """
    tree = ast.parse(text)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    code = {
        line for token in tokens if token.type not in _NO_CODE for line in range(token.start[0], token.end[0] + 1)
    } - spans(docstrings(tree))
    imports = code & spans(node for node in tree.body if is_import(node))
    refusals = code & spans(refusing(tree))
    return Size(len(imports), len(refusals), len(code) - len(imports) - len(refusals))


def spans(nodes: Iterator[ast.stmt | ast.ExceptHandler]) -> set[int]:
    """Return the numbers of all lines of nodes."""
    return {line for node in nodes for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def docstrings(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements that are docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            yield node.body[0]


def is_import(node: ast.stmt) -> bool:
    """Return whether a statement imports, for types too."""
    return isinstance(node, ast.Import | ast.ImportFrom) or (
        isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )


def refusing(tree: ast.Module) -> Iterator[ast.stmt | ast.ExceptHandler]:
    """Yield the statements that only refuse a contract."""
    for node in ast.walk(tree):
        checks = isinstance(node, ast.FunctionDef) and node.name.lstrip("_").startswith("check")
        raises = isinstance(node, ast.If | ast.ExceptHandler) and any(
            isinstance(each, ast.Raise) and "ContractError" in ast.unparse(each) for each in node.body
        )
        if isinstance(node, ast.stmt | ast.ExceptHandler) and (checks or raises) and not getattr(node, "orelse", None):
            yield node


def sizes(folder: Path) -> dict[str, Size]:
    """Return the sizes of the language and of the derivation.

    Args:
        folder: the package.
    """
    found = {"language": Size(), "derivation": Size()}
    for path in sorted(folder.glob("*.py")):
        part = "language" if path.stem in LANGUAGE else "derivation"
        found[part] += size(path.read_text(encoding="utf-8"))
    return found


def main(root: Path = ROOT) -> int:
    """Print both tables and return the exit status.

    Args:
        root: the folder of compose.yaml.
    """
    heading = ("application", "its contract", "derived", "for Nginx", "scripts", "users, rights, lists", "files given")
    print(f"| {' | '.join(heading)} |\n|{' --- |' * len(heading)}")
    for listed in (files.LIST, *MORE):
        for each in applications(root, listed):
            print(each.row)
    print("\n| lines of code of contract/ | imports | refusals | others | all |\n| --- | --- | --- | --- | --- |")
    for part, size_of in sizes(root / "contract").items():
        print(f"| {part} | {size_of.imports} | {size_of.refusals} | {size_of.others} | {size_of.all} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
