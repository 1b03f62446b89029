"""Pages for people, and their commands: code blocks, which a reader pastes, and code in the middle of a line."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Pages with instructions; decisions and the changelog describe the past.
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "rollout/README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if "adr" not in page.parts),
    *sorted((ROOT / "tests").rglob("*.md")),
]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^    .*\n(?:\s*\n(?=    ))*)+", re.MULTILINE)
_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
#: A here-document: the input of the command before it.
_GIVEN = re.compile(r" <<'(\w+)'\n.*?^\1$", re.MULTILINE | re.DOTALL)
#: A remark follows at least three blanks, or a hash.
_REMARK = re.compile(r"(?:   +|\s+# ).*$")
#: A placeholder that the reader replaces.
_PLACE = re.compile(r"<\w[\w ]*>")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*=\S*")


@dataclass(frozen=True)
class Command:
    """One command of a page.

    Args:
        words: the program and its arguments.
        variables: the variables that are set only for it.
        line: its line in the page, without the remark.
    """

    words: tuple[str, ...]
    variables: tuple[str, ...] = ()
    line: str = ""


def blocks(page: Path) -> list[str]:
    """Return the code blocks of a page, without their indentation; drawings and data are left out."""
    text = page.read_text(encoding="utf-8")
    fenced = [code for language, code in _FENCED.findall(text) if language in {"", "sh", "bash", "console"}]
    text = _FENCED.sub("", text)
    return [*fenced, *(textwrap.dedent(match).strip("\n") for match in _INDENTED.findall(text))]


def spans(page: Path) -> list[str]:
    """Return the code in the middle of a page's lines, each in one line."""
    text = _INDENTED.sub("", _FENCED.sub("", page.read_text(encoding="utf-8")))
    return [" ".join(code.split()) for _, code in _SPAN.findall(text)]


def lines(block: str) -> list[str]:
    """Return the commands of a block as a shell reads them: lines joined, no remarks, placeholders replaced."""
    joined = re.sub(r"\\\n\s*", " ", _PLACE.sub("something", _GIVEN.sub("", block)))
    return [line for line in (_REMARK.sub("", line).rstrip() for line in joined.splitlines()) if line.strip()]


def is_shell(block: str) -> bool:
    """Return whether a block is for a shell: others are YAML, Python, or a program's output."""
    first = lines(block)[:1]
    return (
        bool(first)
        and bool(re.match(r"(?:\(?[./$\w-]+(?:=\S*)?(?: |$))", first[0]))
        and not re.match(r"(?:class |\w+ = |[\w-]+: )|[\w-]+:$", first[0])
    )


def commands(line: str) -> Iterator[Command]:
    """Yield the commands of a line, split as by a shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    words: list[str] = []
    skip = False
    for word in [*lexer, ";"]:
        if set(word) <= set("();<>|&") and word:
            if words:
                yield _command(words, line)
            words, skip = [], set(word) <= set("<>")
        elif skip:
            skip = False  # the file of a redirection
        else:
            words.append(word)


def _command(words: list[str], line: str) -> Command:
    count = next((number for number, word in enumerate(words) if not _VARIABLE.fullmatch(word)), len(words))
    return Command(tuple(words[count:]), tuple(word.partition("=")[0] for word in words[:count]), line)
