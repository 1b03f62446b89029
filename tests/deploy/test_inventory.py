"""Mistakes in an inventory are reported before any connection: these machines do not even exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import tls
from tests.support.host import Host
from tests.support.playbook import HOSTS_ONLY, Inventory, play

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.host import Login

ONE, TWO, THREE = (Host(f"server-{number}", f"192.0.2.{number}") for number in (1, 2, 3))
TWIN = Host("server-4", ONE.address)

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"landfast_domains": []}, "landfast_domains is empty"),
    "an address for a name": ({"landfast_domains": ["https://landfast.test/"]}, "is not a host name"),
    "a name in capitals": ({"landfast_domains": ["Landfast.test"]}, "is not a host name"),
    "unknown certificates": ({"landfast_certificates": "magic"}, "value of landfast_certificates must be one of"),
    "ACME without mail": ({"landfast_certificates": "acme", "landfast_email": ""}, "need landfast_email"),
    "the example's names": (
        {"landfast_certificates": "acme", "landfast_domains": ["example.org"]},
        "names that you own",
    ),
    "no certificate of one's own": ({"landfast_certificates": "own"}, "landfast_own_certificate"),
    "data nowhere": ({"landfast_state_host": "server-9"}, 'landfast_state_host is "server-9"'),
    "no addresses": ({"landfast_node_address": "server-1.internal"}, "landfast_node_address of server-1"),
}


@pytest.mark.parametrize("what", WRONG)
def test_it_names_the_variable_that_is_wrong(login: Login, what: str) -> None:
    variables, said = WRONG[what]
    told = refusal(Inventory((ONE,), login, variables=variables))
    assert said in told


@pytest.mark.parametrize(
    ("managers", "workers"), [((ONE, TWO), ()), ((ONE,), (ONE,)), ((), (ONE,))], ids=["even", "both", "none"]
)
def test_it_refuses_groups_that_make_no_cluster(
    login: Login, managers: tuple[Host, ...], workers: tuple[Host, ...]
) -> None:
    assert 'The group "managers" needs an odd number' in refusal(Inventory(managers, login, workers))


def test_it_refuses_two_machines_with_one_address(login: Login) -> None:
    assert "each host has its own" in refusal(Inventory((ONE, THREE, TWIN), login))


def test_it_wants_secrets_before_it_begins(login: Login) -> None:
    assert "playbooks/secrets.yml" in refusal(Inventory((ONE,), login), but=())


def test_it_takes_no_certificate_that_visitors_would_not(login: Login, tmp_path: Path) -> None:
    good = tls.make(tmp_path / "good", "landfast.test", "*.shop.test")
    other = tls.make(tmp_path / "other", "elsewhere.test")
    ending = tls.make(tmp_path / "ending", "landfast.test", days=1)

    def told(certificate: Path, key: Path, *names: str) -> str:
        own = {"landfast_own_certificate": str(certificate), "landfast_own_key": str(key)}
        variables = {"landfast_certificates": "own", "landfast_domains": list(names), **own}
        return refusal(Inventory((ONE,), login, variables=variables), but=())

    assert "does not hold the name landfast.test" in told(*other, "landfast.test")
    assert "does not hold the name a.b.shop.test" in told(*good, "landfast.test", "one.shop.test", "a.b.shop.test")
    assert "has expired or expires within a day" in told(*ending, "landfast.test")
    assert f"{other[1]} is not the key of {good[0]}" in told(good[0], other[1], "landfast.test")
    assert "playbooks/secrets.yml" in told(*good, "landfast.test", "one.shop.test")  # the certificate is accepted


def refusal(inventory: Inventory, but: tuple[str, ...] = HOSTS_ONLY) -> str:
    """Return in one line why ``site.yml`` refuses an inventory; the playbook must not connect to any machine.

    Args:
        inventory: an inventory with a mistake.
        but: options that leave a part of the playbook out.
    """
    run = play(inventory, "site", *but, check=False, timeout=60)
    assert run.code
    assert "UNREACHABLE" not in run.output
    assert run.changed == 0
    return " ".join(run.output.split())
