"""Slow senders occupy no thread of the API's without a key, and few with one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.stack import docker
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.support.stack import Stack

APP = Path(__file__).parent / "app"
#: Seconds that a sender waits for an answer: twice as long as a slow piece of an upload may take.
SECONDS = 32


@pytest.fixture(scope="module")
def found(stack: Stack) -> dict[str, Any]:
    """What came of the attacks: attack -> sender -> statuses."""
    made = stack.execute("api-flask", "flask", "--app", "api.wsgi", "keys", "create", "slow", "--scope=datasets:write")
    key = re.search(r"lfk_\w+_[\w-]+", made)
    assert key
    image, network = stack.inspect("api-flask")["Image"], f"--network=container:{stack.container('nginx')}"
    program = ("--entrypoint=python", image, "/attack/senders.py", key[0], str(SECONDS * PATIENCE))
    result = docker("run", "--rm", network, f"--volume={APP}:/attack:ro", *program, timeout=10 * SECONDS)
    attacks: dict[str, Any] = json.loads(result)
    return attacks


def test_senders_without_a_key_are_refused_before_their_body_and_keep_nobody_from_uploading(
    found: dict[str, Any],
) -> None:
    assert found["strangers"] == {"without": [401], "wrong": [401], "expecting": 401, "others": [201, 201]}


def test_slow_bodies_of_other_requests_reach_no_thread(found: dict[str, Any]) -> None:
    assert found["methods"] == {"slow": [413], "others": [201]}


def test_a_slow_sender_with_a_key_leaves_room_for_another_address_and_is_given_up(found: dict[str, Any]) -> None:
    assert found["holders"] == {"refused": [429] * 4, "others": [201], "ends": [408] * 2, "afterwards": 201}
