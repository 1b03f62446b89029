"""Contracts cannot take, read or share the parts of the house or of another application."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.derived import derive
from contract.errors import ContractError
from tests.support.contracts import HOUSE, shop


def test_two_applications_cannot_have_the_same_schema() -> None:
    one = shop("x-landfast: {database: {schemas: {shop: {}}}}")

    with pytest.raises(ContractError, match=r"shop is in services/shop/compose\.yaml already; choose another name"):
        derive([HOUSE, one, one])


def test_two_contracts_cannot_give_secrets_to_the_same_service() -> None:
    one = shop("x-landfast: {secrets: {key: {}}}\nservices: {nginx: {x-secrets: {key: key}}}")
    other = replace(one, file="other", needs={})
    house = replace(HOUSE, services=["nginx"])

    with pytest.raises(ContractError, match=r"other: nginx is in services/shop/compose\.yaml already"):
        derive([house, one, other])


@pytest.mark.parametrize("section", ["services", "networks", "volumes"])
def test_two_applications_cannot_declare_the_same_part_of_compose(section: str) -> None:
    one = shop(f"{section}: {{shop: {{}}}}")
    other = replace(one, file="services/other/compose.yaml")

    with pytest.raises(ContractError) as caught:
        derive([HOUSE, one, other])
    assert str(caught.value) == (
        f"services/other/compose.yaml: {section}.shop is in services/shop/compose.yaml already; choose another name"
    )
    assert derive([replace(HOUSE, services=["shop"], networks=["shop"], volumes=["shop"]), one, other])


HOUSE_WITH_SECRETS = replace(
    HOUSE,
    needs={
        "secrets": {"operator_password": {}, "smtp_password": {"optional": True}},
        "database": {"roles": {"relay": {}}},
        "broker": {"users": {"relay": {}}},
    },
)
NEIGHBOUR = """
x-landfast:
  secrets: {given_key: {}}
  database: {databases: {other: {}}}
  broker: {vhosts: {other: {}}, users: {other: {vhost: other}}}
  redis: {users: {other: {}}}
"""


@pytest.mark.parametrize(
    "secret",
    [
        *("operator_password", "postgres_relay_password", "rabbitmq_relay_password"),
        *("postgres_other_password", "rabbitmq_other_password", "redis_other_password"),
    ],
)
def test_no_application_reads_a_password_of_the_house_or_of_another_one(secret: str) -> None:
    other = replace(shop(NEIGHBOUR), file="services/other/compose.yaml")

    with pytest.raises(ContractError, match=f"x-secrets: {secret} belongs to .* alone"):
        derive([HOUSE_WITH_SECRETS, shop(f"services: {{shop: {{x-secrets: {{a: {secret}}}}}}}"), other])
    with pytest.raises(ContractError, match=f"x-environment.A: unknown placeholder {{secret.{secret}}}"):
        derive(
            [HOUSE_WITH_SECRETS, shop(f'services: {{shop: {{x-environment: {{A: "{{secret.{secret}}}"}}}}}}'), other]
        )
    with pytest.raises(ContractError, match=f"{secret} is (the password of a user of|in) .*"):
        derive([HOUSE_WITH_SECRETS, other, shop(f"x-landfast: {{secrets: {{{secret}: {{length: 1}}}}}}")])


@pytest.mark.parametrize("secret", ["smtp_password", "given_key"])
def test_an_application_reads_the_mail_server_s_password_and_secrets_that_another_one_declares(secret: str) -> None:
    other = replace(shop(NEIGHBOUR), file="services/other/compose.yaml")
    one = shop(f"services: {{shop: {{x-secrets: {{a: {secret}}}}}}}")

    assert derive([HOUSE_WITH_SECRETS, one, other]).consumers["shop"] == {"a": secret}


def test_no_application_has_the_rights_of_the_house_s_roles() -> None:
    with pytest.raises(ContractError, match=r"roles\.bi\.member_of: relay is a role of the house"):
        derive([HOUSE_WITH_SECRETS, shop("x-landfast: {database: {roles: {bi: {member_of: [relay]}}}}")])


def test_a_role_that_the_house_has_is_refused_in_the_application_s_file() -> None:
    with pytest.raises(ContractError, match=r"services/shop/compose\.yaml: relay is in compose\.house\.yaml already"):
        derive([HOUSE_WITH_SECRETS, shop("x-landfast: {database: {databases: {relay: {}}}}")])
