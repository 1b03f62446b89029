"""Certificates of servers hold the names in the applications' contracts, besides the site's own names.

The machine is this one: the certificates are files in a folder of the test, and certbot is a stand-in.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support import tls
from tests.support.host import Host, Login
from tests.support.playbook import HOSTS_ONLY, Inventory, Run, play
from tests.support.shop import CONTRACT, PART, PLAYBOOK, checkout_with_shop, name_hosts

if TYPE_CHECKING:
    from pathlib import Path

SITE, SHOP, BLOG = "landfast.test", "shop.test", "blog.test"
DIRECTORY = "https://acme.test/dir"
#: This checkout may have changes when its tests run.
TRIAL = ("-e", "release_allow_dirty=true")

#: The tasks of site.yml that request a certificate by ACME, without the packages.
SITE_REQUEST = """
- name: Read the names
  ansible.builtin.include_role:
    name: release
    tasks_from: hosts

- name: Request
  ansible.builtin.include_tasks: request.yml
"""
CERTBOT = """#!/bin/sh
for word; do case $word in --domains=*) names=${{word#*=}} ;; esac; done
echo "$names" >> "$0.asked"
if [ -e "$0.refuses" ]; then cat "$0.refuses"; exit 1; fi
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=authority -keyout /dev/null \\
    -addext "subjectAltName=DNS:$(echo "$names" | sed 's/,/,DNS:/g')" -out {live}/cert.pem 2>/dev/null
echo "server = {directory}" > {renewal}
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout with another application, which has a laptop's name and a server's."""
    folder = checkout_with_shop(tmp_path_factory.mktemp("checkout"), "shop.localhost", SHOP)
    (folder / "ansible/roles/certificates/tasks/site.yml").write_text(SITE_REQUEST, encoding="ascii")
    return folder


@pytest.fixture
def nowhere(checkout: Path, tmp_path: Path) -> Inventory:
    """Return a machine that does not exist."""
    return Inventory((Host("server-1", "192.0.2.1"),), Login(tmp_path), checkout=checkout)


@pytest.fixture
def here(nowhere: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    """Return this machine with folders of the test, and a stand-in for certbot."""
    programs, live, renewal = (tmp_path / name for name in ("programs", "live", "renewal.conf"))
    for folder in (programs, live, tmp_path / "tls"):
        folder.mkdir()
    certbot = programs / "certbot"
    certbot.write_text(CERTBOT.format(live=live, renewal=renewal, directory=DIRECTORY), encoding="ascii")
    certbot.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    local = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": "/usr/bin/python3"}
    return replace(nowhere, variables=local)


def provide(site: Inventory, part: str, **variables: object) -> Run:
    """Run a part of the role; its folders are those of the test."""
    folder = site.login.directory
    folders = {
        "landfast_configuration": str(folder),
        "certificates_programs": str(site.checkout / "ansible/roles/certificates/files"),
        "certificates_live": str(folder / "live"),
        "certificates_renewal": str(folder / "renewal.conf"),
    }
    run = play(site, PLAYBOOK, variables={PART: part, **folders, **variables}, check=False, timeout=60)
    print(run.output)
    return run


def by_acme(site: Inventory) -> Inventory:
    return replace(
        site, variables={**site.variables, "landfast_certificates": "acme", "landfast_acme_directory": DIRECTORY}
    )


def asked(site: Inventory) -> list[set[str]]:
    """Return the names of each request for a certificate."""
    found = site.login.directory / "programs/certbot.asked"
    return [set(line.split(",")) for line in found.read_text(encoding="ascii").split()] if found.exists() else []


def installed(site: Inventory) -> set[str]:
    """Return the names in the certificate that Nginx would read."""
    return tls.names(tls.read(site.login.directory / "tls/current/tls_certificate"))


def told(run: Run) -> str:
    """Return in one line why a playbook ended; it must not have connected to any machine."""
    assert run.code
    assert "UNREACHABLE" not in run.output
    assert run.changed == 0
    return run.words


@pytest.mark.parametrize(("playbook", "options"), [("site", HOSTS_ONLY), ("deploy", ("--check", *TRIAL))])
def test_a_certificate_of_ones_own_that_lacks_an_application_s_name_stops_it_first_of_all(
    nowhere: Inventory, tmp_path: Path, playbook: str, options: tuple[str, ...]
) -> None:
    certificate, key = tls.make(tmp_path / "own", SITE)
    own = {"landfast_own_certificate": str(certificate), "landfast_own_key": str(key)}
    site = replace(nowhere, variables={"landfast_certificates": "own", **own})

    said = told(play(site, playbook, *options, check=False, timeout=60))

    assert f"{certificate} does not hold the name {SHOP} of {CONTRACT}" in said
    assert "landfast_uncertified_domains" in said


@pytest.mark.parametrize(
    ("name", "certificates", "problem"),
    [
        ("shop", "self-signed", "http.hosts: shop is a name that no certificate can hold"),
        ("shop.example.org", "acme", "http.hosts: shop.example.org is a name that no certificate can hold"),
        ("10.1.2.3", "acme", "x-landfast.http.hosts (line 1): '10.1.2.3' must have the form: a host name"),
    ],
)
def test_a_name_that_no_certificate_can_hold_is_refused_with_its_contract(
    nowhere: Inventory, checkout: Path, name: str, certificates: str, problem: str
) -> None:
    site = replace(nowhere, variables={"landfast_certificates": certificates})
    name_hosts(checkout, name)
    try:
        said = told(play(site, "site", *HOSTS_ONLY, check=False, timeout=60))
    finally:
        name_hosts(checkout, "shop.localhost", SHOP)

    assert f"{CONTRACT}: {problem}" in said


def test_a_self_signed_certificate_holds_the_names_of_applications_and_a_deploy_adds_new_ones(
    here: Inventory, checkout: Path
) -> None:
    provide(here, "certificate")
    assert installed(here) == {SITE, SHOP}
    assert provide(here, "extend").changed == 0

    name_hosts(checkout, "blog.localhost", BLOG)
    try:
        provide(here, "extend")
        assert installed(here) == {SITE, SHOP, BLOG}, "the running release may have the old name"
        provide(here, "certificate")
        assert installed(here) == {SITE, BLOG}
    finally:
        name_hosts(checkout, "shop.localhost", SHOP)


def test_the_authority_is_asked_for_the_names_of_applications_and_by_a_deploy_for_new_ones(
    here: Inventory, checkout: Path
) -> None:
    site = by_acme(here)
    assert provide(site, "extend").code == 0
    assert asked(site) == [], "the first certificate is left to site.yml: the site need not answer yet"
    assert provide(site, "site").code == 0
    assert provide(site, "extend").code == 0
    assert asked(site) == [{SITE, SHOP}]

    name_hosts(checkout, "blog.localhost", BLOG)
    try:
        assert provide(site, "extend").code == 0
        assert provide(site, "site").code == 0
    finally:
        name_hosts(checkout, "shop.localhost", SHOP)
    assert asked(site) == [{SITE, SHOP}, {SITE, SHOP, BLOG}, {SITE, BLOG}]


def test_a_deploy_whose_new_name_gets_no_certificate_ends_with_the_name_and_the_way_out(here: Inventory) -> None:
    site = by_acme(here)
    provide(site, "site", landfast_uncertified_domains=[SHOP])
    (here.login.directory / "programs/certbot.refuses").write_text("no such name\n", encoding="ascii")

    refused = provide(site, "extend")
    left_out = provide(site, "extend", landfast_uncertified_domains=[SHOP])

    assert asked(site) == [{SITE}, {SITE, SHOP}]
    assert refused.code
    assert f"add it to landfast_uncertified_domains. Names of applications: {SHOP} of {CONTRACT}" in " ".join(
        refused.output.split()
    )
    assert "no such name" in refused.output
    assert left_out.code == 0
