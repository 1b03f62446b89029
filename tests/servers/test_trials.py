"""A new configuration is tried before a deploy changes anything, on a Swarm in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rollout import stage
from rollout.errors import RolloutError
from tests.servers.memory import Json, Swarm, apply, image, plan

if TYPE_CHECKING:
    from rollout.records import Records

STACK = "site-trial-web"
REASON = 'nginx: [emerg] unexpected "}" in /run/secrets/shop.nginx.extra:2'


def with_trial(release: str, **contents: str) -> Json:
    """Return a plan that tries the configuration of the site."""
    made = plan(release, **contents)
    tried = {**made["stack"]["services"]["web"], "entrypoint": ["try"]}
    return {**made, "trials": {"web": {"version": "3.12", "services": {"web": tried}, "networks": {}, "secrets": {}}}}


def test_the_trial_comes_before_everything_else_and_leaves_nothing(swarm: Swarm, kept: Records) -> None:
    said: list[str] = []

    apply(swarm, kept, with_trial("one"), say=said.append)

    assert swarm.calls == [f"{STACK}: web", "site: db", "site-migrate: migrate", "site: web"]
    assert set(swarm.stacks) == {"site"}
    assert said[0] == "web: its new configuration is valid"


def test_a_refused_configuration_changes_nothing_and_its_reason_is_reported(swarm: Swarm, kept: Records) -> None:
    apply(swarm, kept, with_trial("one"))
    before = swarm.running
    swarm.calls.clear()
    swarm.broken, swarm.words = {"web:two"}, (REASON,)

    with pytest.raises(
        RolloutError, match="web: the check of its new configuration failed: exit 1; one still"
    ) as caught:
        apply(swarm, kept, with_trial("two"))

    assert caught.value.lines == (REASON,)
    assert swarm.calls == [f"{STACK}: web"]
    assert swarm.running == before
    assert kept.running().release == "one"


def test_an_unchanged_service_is_not_tried_again(swarm: Swarm, kept: Records) -> None:
    apply(swarm, kept, with_trial("one", web="same"))
    swarm.calls.clear()

    apply(swarm, kept, with_trial("two", web="same"))

    assert f"{STACK}: web" not in swarm.calls


def test_no_rollback_waits_for_a_trial(swarm: Swarm, kept: Records) -> None:
    apply(swarm, kept, with_trial("two"))
    swarm.calls.clear()

    apply(swarm, kept, with_trial("one"), jobs=False)

    assert f"{STACK}: web" not in swarm.calls


def test_a_changed_secret_or_image_makes_a_trial_necessary() -> None:
    def running(name: str, secret: str) -> Json:
        container = {"Image": image("nginx", name), "Secrets": [{"SecretName": secret}]}
        return {"Spec": {"TaskTemplate": {"ContainerSpec": container}}}

    service = {"image": image("nginx", "new", "one"), "secrets": [{"source": "locations"}]}
    secrets = {"locations": {"name": "site_locations-1"}}

    assert stage.is_same(service, secrets, running("one", "site_locations-1"))
    assert not stage.is_same(service, secrets, running("two", "site_locations-1"))
    assert not stage.is_same(service, secrets, running("one", "site_locations-0"))
    assert not stage.is_same(service, secrets, None)
