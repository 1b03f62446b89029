"""Checks every lock of Python packages against the package index's advisories: ``python3 -m tests.security.audit``.

It needs the network and uv, which fetches pip-audit, so no test run contains it. pip-audit passes a package that the
index does not know with a remark; here it counts as not checked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cli import source
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

#: pip-audit reads the lock as it is: it resolves and installs nothing.
AUDIT = ("uv", "tool", "run", "pip-audit", "--format=json", "--progress-spinner=off", "--no-deps", "--disable-pip")
LOCKED = ("*requirements*.txt",)


@dataclass
class Verdict:
    """The state of the locks, as far as the index knows it.

    Args:
        checked: packages with their versions that the index knows.
        vulnerable: package and version -> its advisories, each with the versions that mend it.
        unknown: packages that were not checked, with the reason.
    """

    checked: set[str] = field(default_factory=set)
    vulnerable: dict[str, list[str]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)

    def add(self, report: Mapping[str, Any]) -> None:
        """Add pip-audit's report on a lock."""
        for each in report["dependencies"]:
            if "skip_reason" in each:
                self.unknown[each["name"]] = each["skip_reason"]
                continue
            name = f"{each['name']} {each['version']}"
            self.checked.add(name)
            advisories = [
                f"{one['id']}, mended in {', '.join(one['fix_versions']) or 'nothing'}" for one in each["vulns"]
            ]
            if advisories:
                self.vulnerable[name] = advisories

    @property
    def lines(self) -> list[str]:
        """The verdict for people."""
        found = [
            f"{name}: {advisory}" for name, advisories in sorted(self.vulnerable.items()) for advisory in advisories
        ]
        if self.unknown:
            reason = next(iter(self.unknown.values()))
            found.append(f"NOT CHECKED: {len(self.unknown)} packages ({reason}); does the index serve advisories?")
        return [*found, f"{len(self.checked)} packages checked, {len(self.vulnerable)} with known advisories"]

    @property
    def clean(self) -> bool:
        """Whether all packages were checked and none has an advisory."""
        return bool(self.checked) and not self.vulnerable and not self.unknown


def main() -> int:
    """Check all locks and return the exit status: 0 only if all packages were checked, and none has an advisory."""
    verdict = Verdict()
    for lock in sorted(source.files(*LOCKED)):
        try:
            done = subprocess.run([*AUDIT, f"--requirement={ROOT / lock}"], capture_output=True, text=True, check=False)
        except OSError as error:
            print(f"uv cannot be run: {error.strerror}. pip install uv")
            return 1
        if not done.stdout.startswith("{"):
            print(f"{lock} was NOT CHECKED: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
            return 1
        verdict.add(json.loads(done.stdout))
    print("\n".join(verdict.lines))
    return 0 if verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main())
