"""Where Docker has no address range left for a network, a failed start says so, with the way out."""

from __future__ import annotations

import pytest

from cli import doctor, process
from cli.process import Output

#: Docker's own words, of Engine 26 and of earlier ones.
FULL = (
    "Error response from daemon: could not find an available, non-overlapping IPv4 address pool among the defaults",
    "Error response from daemon: all predefined address pools have been fully subnetted",
)


@pytest.mark.parametrize(("answer", "there"), [("", True), *((text, False) for text in FULL), ("denied", True)])
def test_it_tries_with_a_network_that_it_removes_again(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    there: bool,  # noqa: FBT001
) -> None:
    ran: list[list[str]] = []

    def capture(command: list[str]) -> Output:
        ran.append(command[:3])
        return Output(int(bool(answer)), stderr=answer)

    monkeypatch.setattr(process, "capture", capture)

    assert doctor.explain_networks() is there
    assert ran == [["docker", "network", "create"], ["docker", "network", "rm"]]
    assert ("docker network prune" in capsys.readouterr().out) is not there
