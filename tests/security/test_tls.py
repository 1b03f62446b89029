"""The marks of HTTPS by testssl.sh, with the certificate's authority trusted: others' work, unchanged.

https://github.com/testssl/testssl.sh explains the findings and their severities.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import scanner
from tests.support.edge import edge
from tests.support.forms import NAME
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.site import Site
    from tests.support.stack import Stack

#: Seconds that a scan takes on an idle reference machine, and the headers of a page.
SCAN, HEADERS = 240, 5
#: The severities of findings that are none.
PASSED = {"OK", "INFO", "LOW", "DEBUG"}
#: Findings that are no faults, and why.
EXCEPTIONS = {
    "BREACH": "no compressed page holds a secret that stays the same: see the test below",
    "engine_problem": "it is about the scanner: its own OpenSSL lacks GOST's ciphers, which the socket tests cover",
}
#: A form's token.
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
#: The site's names resolve nowhere, so no name is looked up. testssl.sh ends with the number of findings.
SCRIPT = r"""
testssl --quiet --color 0 --warnings batch --assume-http --nodns none --ip 127.0.0.1 --add-ca /authority.pem \
    --jsonfile /tmp/found.json "$1" >&2
cat /tmp/found.json
"""


@dataclass(frozen=True)
class Report:
    """The findings of a scan.

    Args:
        grade: the grade of SSL Labs' rating guide.
        caps: the reasons for a grade that is not the best.
        above_low: the findings whose severity is above LOW, without the exceptions.
        looked_at: the ids of all findings.
    """

    grade: str
    caps: list[str]
    above_low: dict[str, str]
    looked_at: set[str]

    @classmethod
    def parse(cls, text: str) -> Report:
        """Return the report in testssl.sh's flat JSON."""
        found: list[dict[str, Any]] = json.loads(text)
        by_id = {each["id"]: each["finding"] for each in found}
        counted = [each for each in found if each["severity"] not in PASSED and each["id"] not in EXCEPTIONS]
        above = {each["id"]: f"{each['severity']}: {each['finding']}" for each in counted}
        caps = [text for name, text in by_id.items() if name.startswith("grade_cap_reason")]
        return cls(by_id.get("overall_grade", "none"), caps, above, set(by_id))


def scan(name: str, port: int, authority: Path) -> Report:
    """Return the findings about a server for TLS on this machine.

    Args:
        name: its host name.
        port: its port.
        authority: the file with the certificate to trust.
    """
    options = (f"--volume={authority}:/authority.pem:ro", f"--env=HEADER_MAXSLEEP={PATIENCE * HEADERS:.0f}")
    return Report.parse(scanner.run(SCRIPT, f"{name}:{port}", timeout=SCAN, options=options))


@pytest.mark.long  # four minutes; test_headers.py and tests/stack have HSTS and the protocols in each run
def test_https_has_the_best_grade_and_no_finding_above_low(
    scanners: None,  # noqa: ARG001 - the image has to exist
    shipped: Stack,
    certificates: Path,
) -> None:
    with edge(shipped, certificates, HTTPS_ONLY="true") as named:
        report = scan(NAME, named.https, certificates / "authority")
    print(f"{len(report.looked_at)} findings, grade {report.grade}")

    assert (report.grade, report.caps) == ("A+", [])
    assert report.above_low == {}
    assert report.looked_at >= {
        "HSTS_time",
        "heartbleed",
        "ROBOT",
        "LUCKY13",
        "cipherlist_OBSOLETED",
        "cert_chain_of_trust",
    }


def test_a_compressed_page_holds_no_secret_that_stays_the_same(
    shipped: Stack, trusting: Callable[[Stack], Site]
) -> None:
    # BREACH guesses such a secret from the sizes of many pages, which another site's page makes a visitor load.
    visitor = trusting(shipped)
    for login in ("/accounts/login/", "/console/login/"):
        pages = [visitor.get(login) for _ in range(2)]
        first, second = (set(TOKEN.findall(page.text)) for page in pages)

        assert pages[0].headers["Content-Encoding"] == "gzip"
        assert first
        assert not first & second, "the token is masked differently in each page"
