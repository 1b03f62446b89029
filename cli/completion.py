"""Completion for bash and zsh: the scripts call ``./stack`` itself, which reads its own argument parsers.

source <(./stack completion bash)
"""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from cli import applications, services
from cli.app import plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: The subcommand that the scripts call with the words of the line; it completes the last one.
ASK = "words"
#: If there is no completion, the shell completes names of files.
SCRIPTS = {
    "bash": f"""\
_landfast_stack() {{
    local words
    words=$("${{COMP_WORDS[0]/#\\~/$HOME}}" completion {ASK} -- "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null)
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _landfast_stack stack
""",
    "zsh": f"""\
_landfast_stack() {{
    local -a found
    found=(${{(f)"$(${{~words[1]}} completion {ASK} -- "${{(@)words[2,CURRENT]}}" 2>/dev/null)"}})
    if (( $#found )); then compadd -a found; else _files; fi
}}
compdef _landfast_stack stack
""",
}

#: The secrets of a service, or an anchor of such a mapping: on one line, or on indented lines.
_SECRETS = re.compile(r"^( *)x-(?:\w+-)?secrets:(?: &\S+)?(.*\n(?:\1 .*\n)*)", re.MULTILINE)
_SECRET = re.compile(r"[\w.-]+: ([a-z_][a-z0-9_]*)")
#: The secrets that contracts declare.
_CONTRACT = re.compile(r"^x-landfast:\n((?:  .*\n|\n)*)", re.MULTILINE)
_DECLARED = re.compile(r"^  secrets:\n((?:    .*\n)*)", re.MULTILINE)
_DECLARED_SECRET = re.compile(r"^    ([a-z_][a-z0-9_]*):", re.MULTILINE)


def words(typed: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """Return the completions of the last word of ``typed``.

    Args:
        typed: the words after the program's name so far; the last may be empty.
        parser: their parser.
    """
    *before, last = typed
    actions = parser._actions  # noqa: SLF001 - argparse has no other way to ask; argcomplete does the same
    for number, word in enumerate(before):
        for action in actions:
            if isinstance(action, argparse._SubParsersAction) and word in action.choices:  # noqa: SLF001 - as above
                return words(typed[number + 1 :], action.choices[word])
    valued = [action for action in actions if before and before[-1] in action.option_strings and action.nargs != 0]
    if valued:
        found: Iterable[str] = valued[0].choices or ()
    elif last.startswith("-"):
        found = [option for action in actions for option in action.option_strings]
    else:
        found = [word for action in actions if not action.option_strings for word in values(action)]
    return sorted({str(word) for word in found if str(word).startswith(last)})


def values(argument: argparse.Action) -> Iterable[str]:
    """Return the possible values of an argument, if they are cheap to find."""
    if argument.choices is not None:
        return argument.choices
    if argument.metavar == "SERVICE":
        return services.images()
    if argument.metavar == "SECRET":
        return secrets()
    if argument.metavar == "APPLICATION":
        return plan.existing()
    return tests() if argument.metavar == "PATH/NAME" else ()


def secrets() -> list[str]:
    """Return the names of the secrets, found with regular expressions, because Python has no parser for YAML."""
    text = "".join(path.read_text(encoding="utf-8") for path in applications.files())
    found = {name for _, given in _SECRETS.findall(text) for name in _SECRET.findall(given)}
    for block in (each for contract in _CONTRACT.findall(text) for each in _DECLARED.findall(contract)):
        found.update(_DECLARED_SECRET.findall(block))
    return sorted(found)


def tests() -> list[str]:
    """Return the names of the test runs' steps, and of the services."""
    from cli import suites  # noqa: PLC0415 - only tests need this import

    return [*services.images(), *(step.name for step in [*suites.default(), *suites.everything_else()])]
