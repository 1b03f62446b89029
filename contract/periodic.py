"""Periodic commands: the timetable in ``x-every``, as a duration or as the five fields of cron.

The derived script is the timetable as sets of numbers, followed by ``periodically.sh``, which runs the command in any
image with a POSIX shell. The fields: https://man7.org/linux/man-pages/man5/crontab.5.html
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The script's name in /run/secrets.
SCRIPT = "periodically"
#: The template in compose.templates.yaml that runs the script.
TEMPLATE = "periodic"

_PROGRAM = Path(__file__).with_name("periodically.sh")
_UNITS = {"h": 3600, "m": 60, "s": 1}
#: The fields in order, with the smallest and the largest number of each. Sunday is 0 and 7.
_FIELDS = {"minutes": (0, 59), "hours": (0, 23), "days": (1, 31), "months": (1, 12), "weekdays": (0, 7)}
_PART = re.compile(r"(?:\*|(\d{1,4})(?:-(\d{1,4}))?)(?:/(\d{1,4}))?")
_LONGEST_MONTHS = dict(zip(range(1, 13), (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))


def script(every: str, service: str, where: str) -> str:
    """Return the script.

    Args:
        every: the timetable, in the form of ``schema.EVERY``.
        service: the service that runs it.
        where: file and key, for messages.

    Raises:
        ContractError: a field is invalid, or the timetable has no time.
    """
    timetable = _fields(every, where) if " " in every else {"interval": str(_seconds(every, where))}
    lines = [f"{name}='{value}'" for name, value in {"service": service, **timetable}.items()]
    return "\n".join(["#!/bin/sh", f"# {every}", *lines, "", _PROGRAM.read_text(encoding="utf-8")])


def check(entry: Mapping[str, Any], where: str) -> None:
    """Make sure that a service has the template and a command if it has a timetable, and no template otherwise.

    Args:
        entry: the service in the Compose file.
        where: file and service, for messages.

    Raises:
        ContractError: one of them is missing.
    """
    extends = entry.get("extends")
    template = isinstance(extends, dict) and extends.get("service") == TEMPLATE
    if "x-every" not in entry:
        if template:
            raise ContractError(f"{where}: the template {TEMPLATE} requires x-every, such as 30m")
        return
    if not (f"/{SCRIPT}" in str(entry["entrypoint"]) if "entrypoint" in entry else template):
        raise ContractError(
            f"{where}.x-every: extend the template {TEMPLATE}, and remove the entrypoint or end it with "
            f"[sh, /run/secrets/{SCRIPT}]"
        )
    if not entry.get("command"):
        raise ContractError(f"{where}.x-every requires command; the command of the image is unknown here")


def _seconds(every: str, where: str) -> int:
    found = sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([hms])", every))
    if not found:
        raise ContractError(f"{where}: {every} must be longer than zero")
    return found


def _fields(every: str, where: str) -> dict[str, str]:
    texts = dict(zip(_FIELDS, every.split(), strict=True))
    sets = {name: _numbers(text, name, where) for name, text in texts.items()}
    sets["weekdays"] = {number % 7 for number in sets["weekdays"]}
    # As in cron: if neither field begins with *, a day need match only one of them.
    either = not (texts["days"].startswith("*") or texts["weekdays"].startswith("*"))
    if not either and min(sets["days"]) > max(_LONGEST_MONTHS[month] for month in sets["months"]):
        raise ContractError(f"{where}: {every}: no month has such a day")
    return {**{name: " ".join(map(str, sorted(found))) for name, found in sets.items()}, "either": "yes" * either}


def _numbers(text: str, name: str, where: str) -> set[int]:
    least, greatest = _FIELDS[name]
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if not match or (match[3] and (int(match[3]) == 0 or (match[1] and not match[2]))):
            raise ContractError(f"{where}: {name}: {part!r} must be like *, 5, 1-5, */15 or 0-30/10")
        begin, end = int(match[1] or least), int(match[2] or match[1] or greatest)
        if not least <= begin <= end <= greatest:
            raise ContractError(f"{where}: {name}: {part} must be within {least}-{greatest}, the smaller number first")
        found.update(range(begin, end + 1, int(match[3] or 1)))
    return found
