from __future__ import annotations

import pytest
from landfast_runtime.addresses import is_host, web_address


@pytest.mark.parametrize(
    "text", ["localhost", "www.example.org", "xn--e1afmkfd.xn--p1ai", "10.0.0.1", "[::1]", "A-b.C"]
)
def test_it_takes_what_browsers_write_as_a_host(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize(
    "text", ["", "a b", "a..b", "-a", "a-", "a_b", "*", "a/b", "a:80", "::1", "[a]", "пример.рф", "a\n", "a" * 64]
)
def test_it_takes_nothing_else(text: str) -> None:
    assert not is_host(text)


@pytest.mark.parametrize(
    ("text", "netloc", "path"),
    [
        ("http://localhost:8080", "localhost:8080", ""),
        ("https://[2001:db8::1]:8443/a", "[2001:db8::1]:8443", "/a"),
        ("https://[::1]", "[::1]", ""),
    ],
)
def test_it_takes_a_web_address_apart(text: str, netloc: str, path: str) -> None:
    parts = web_address(text)

    assert (parts.netloc, parts.path) == (netloc, path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ftp://example.org", "must begin with http"),
        ("localhost:8080", "must begin with http"),
        ("http://a b", "'a b' is no host name"),
        ("http://", "'' is no host name"),
        ("http://u:p@x.y", "must not contain a user"),
        ("http://x.y:", "'' is no port"),
        ("http://x.y:0", "'0' is no port"),
        ("http://x.y:65536", "'65536' is no port"),
        ("http://x.y:٨", "is no port"),
        ("http://x.y?q", "must end with the path"),
        ("http://x.y#f", "must end with the path"),
        ("http://x.y\n", "must end with the path"),
        ("http://x.y/a b", "is no path"),
        ("http://[::1", "Invalid IPv6 URL"),
    ],
)
def test_it_says_why_an_address_is_none(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        web_address(text)
