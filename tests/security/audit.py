"""Checks every lock of Python packages against the package index's advisories: ``python3 -m tests.security.audit``.

It asks the index that builds use for each locked version. Some mirrors serve packages only: then nothing can be
checked, which is reported and fails the command. With ``--if-answered``, as ``./stack test --all`` runs it, this alone
is no failure. The answers have the format of Warehouse's JSON API.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from cli import source
from cli.network import without_password
from cli.settings import ROOT, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOCKED = ("*requirements*.txt",)
#: A locked package: name==version, and extras that do not matter here.
_PACKAGE = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
#: The index in pip's settings, as ``pip config list`` prints them, and pip's own, in the help of ``pip install``.
_SETTING = re.compile(r"^(:env:|install|global)\.index-url='(.*)'$", re.MULTILINE)
_DEFAULT = re.compile(r"--index-url\b.*?\(default\s+(\S+?)\)", re.DOTALL)
#: Requests at the same time, and seconds for each.
AT_ONCE, PATIENCE = 8, 10.0


class NotAnsweredError(Exception):
    """The index gave no answer about advisories; the message says why."""


class UnknownError(Exception):
    """The index does not have this version of a package."""


@dataclass(frozen=True)
class Package:
    """One version of a package."""

    name: str
    version: str

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Index:
    """A package index.

    Args:
        address: the address that installers use, with user and password if it needs some.
    """

    address: str

    @property
    def shown(self) -> str:
        """The address without a password."""
        return without_password(self.address)

    def advisories(self, package: Package) -> list[str]:
        """Return the advisories of a package, each with the versions that mend it.

        Raises:
            UnknownError: the index does not have it.
            NotAnsweredError: the index did not answer, or its answer has no advisories.
        """
        try:
            with urllib.request.urlopen(self._request(package), timeout=PATIENCE) as answer:  # noqa: S310 - an index
                document: Any = json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                raise UnknownError from None
            raise NotAnsweredError(f"HTTP status {error.code}") from error
        except urllib.error.URLError as error:
            raise NotAnsweredError(str(error.reason)) from error
        except (OSError, HTTPException, ValueError) as error:  # a timeout within the body, a cut body, no JSON
            raise NotAnsweredError(str(error) or type(error).__name__) from error
        if not isinstance(document, dict) or not isinstance(document.get("vulnerabilities"), list):
            raise NotAnsweredError("its answers have no advisories")
        return [
            f"{each['id']}, mended in {', '.join(each.get('fixed_in') or []) or 'nothing'}"
            for each in document["vulnerabilities"]
            if not each.get("withdrawn")
        ]

    def _request(self, package: Package) -> urllib.request.Request:
        parts = urlsplit(self.address)
        folder = parts.path.rstrip("/").removesuffix("/simple")
        host = parts.netloc.rpartition("@")[2]
        path = f"{folder}/pypi/{quote(package.name)}/{quote(package.version)}/json"
        headers = {"Accept": "application/json"}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        return urllib.request.Request(f"{parts.scheme}://{host}{path}", headers=headers)  # noqa: S310 - an index


@dataclass
class Verdict:
    """The state of the locks, as far as the index knows it.

    Args:
        checked: packages that the index knows.
        vulnerable: package -> its advisories.
        unknown: packages that the index does not have.
        unanswered: packages that the index gave no answer for.
        reason: why it gave none.
    """

    checked: list[Package] = field(default_factory=list)
    vulnerable: dict[Package, list[str]] = field(default_factory=dict)
    unknown: list[Package] = field(default_factory=list)
    unanswered: list[Package] = field(default_factory=list)
    reason: str = ""

    def lines(self, index: Index) -> list[str]:
        """Return the verdict for people."""
        vulnerable = sorted(self.vulnerable.items(), key=str)
        found = [f"{package}: {each}" for package, advisories in vulnerable for each in advisories]
        if self.unknown:
            names = ", ".join(sorted(map(str, self.unknown)))
            found.append(f"NOT CHECKED, for {index.shown} does not have them: {names}")
        if self.unanswered:
            count = f"NOT CHECKED: {len(self.unanswered)} packages"
            found.append(f"{count}. {index.shown} answers no question about advisories: {self.reason}.")
            found.append(
                "Name an index that has them in PYTHON_INDEX_URL_FILE, or check on a machine that reaches one."
            )
        return [*found, f"{len(self.checked)} packages checked, {len(self.vulnerable)} with known advisories"]

    def passes(self, *, if_answered: bool) -> bool:
        """Return whether no package has an advisory, and all were checked.

        Args:
            if_answered: packages that the index gave no answer for do not count.
        """
        nothing = not self.checked and not self.unanswered
        return not (nothing or self.vulnerable or self.unknown or (self.unanswered and not if_answered))


def check(index: Index, packages: Iterable[Package]) -> Verdict:
    """Ask the index for each package; after a question without an answer it is asked no more.

    The first question shows whether the index knows advisories at all: it has all locked packages, because
    installations get them there.
    """
    verdict = Verdict()
    wanted = list(packages)
    if not wanted:
        return verdict
    first, *others = wanted

    def ask(package: Package) -> None:
        if verdict.reason:
            verdict.unanswered.append(package)
            return
        try:
            advisories = index.advisories(package)
        except NotAnsweredError as error:
            verdict.reason = verdict.reason or str(error)
            verdict.unanswered.append(package)
        except UnknownError:
            if package is first:
                verdict.reason = f"it has no {package} there (HTTP status 404)"
                verdict.unanswered.append(package)
            else:
                verdict.unknown.append(package)
        else:
            verdict.checked.append(package)
            if advisories:
                verdict.vulnerable[package] = advisories

    ask(first)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, others))
    return verdict


def locked(texts: Iterable[str]) -> list[Package]:
    """Return the packages in locks, each version once."""
    found = {Package(name.lower(), version) for text in texts for name, version in _PACKAGE.findall(text)}
    return sorted(found, key=str)


def of_pip() -> str:
    """Return the index that pip uses on this machine: that of its settings, or its own.

    Raises:
        SystemExit: pip cannot be asked.
    """
    problem = "name an index in PYTHON_INDEX_URL_FILE"
    with TemporaryDirectory() as folder:

        def pip(*arguments: str) -> str:
            command = [str(Path(folder, "bin/pip")), "--disable-pip-version-check", *arguments]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        try:
            venv.create(folder, with_pip=True)
            settings, text = dict(_SETTING.findall(pip("config", "list"))), pip("help", "install")
        except (OSError, subprocess.SubprocessError) as error:
            raise SystemExit(f"pip cannot be asked for its index: {error}; {problem}") from error
    # The first one counts: a variable, the command's own setting, the general one.
    found: list[str] = [settings[kind] for kind in (":env:", "install", "global") if kind in settings]
    found += _DEFAULT.findall(text)
    if not found:
        raise SystemExit(f"pip does not name its index; {problem}")
    return found[0]


def main(arguments: Sequence[str]) -> int:
    """Check all locks and return the exit status: 0 only if they pass."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.security.audit", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--if-answered", action="store_true", help="an index without advisories is no failure")
    options = parser.parse_args(arguments)
    index = Index(Settings.read().python_index() or of_pip())
    packages = locked((ROOT / lock).read_text(encoding="utf-8") for lock in source.files(*LOCKED))
    verdict = check(index, packages)
    print("\n".join(verdict.lines(index)))
    return 0 if verdict.passes(if_answered=options.if_answered) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
