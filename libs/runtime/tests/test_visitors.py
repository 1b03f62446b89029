"""Limits by address count customers' networks."""

from __future__ import annotations

import pytest
from landfast_runtime.visitors import network


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::3", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::"),
        ("2001:db8:1:3::9", "2001:db8:1:3::"),
    ],
)
def test_an_ipv6_customer_is_one_subject_and_an_ipv4_address_is_one_in_either_form(address: str, counted: str) -> None:
    assert network(address) == counted
