"""The checks of the cluster before a change."""

from __future__ import annotations

from typing import Any

import pytest

from rollout import preflight

INFO = {"SecurityOptions": ["name=no-new-privileges"]}


def node(name: str, state: str, data: str = "false") -> dict[str, Any]:
    return {
        "Description": {"Hostname": name},
        "Status": {"State": state},
        "Spec": {"Labels": {"landfast.state": data}},
    }


@pytest.mark.parametrize("away", [False, True])
def test_a_lost_host_prevents_a_deploy_but_no_rollback(away: bool) -> None:  # noqa: FBT001 - the case itself
    nodes = [node("server-1", "down"), node("server-2", "ready", "true")]

    found = preflight.problems(nodes, INFO, away=away)

    assert found == ([] if away else ["server-1 is down: bring it back, or take it out with replace.yml or remove.yml"])
