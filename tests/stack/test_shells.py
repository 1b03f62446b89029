"""Tasks as every tutorial shows them: sent from a shell, and their results waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.support.stack import Stack

TUTORIAL = f"""
from tasks.arithmetic import add
result = add.delay(4, 4)
print(type(result.ready()).__name__, result.get(timeout={PATIENCE * 20}), result.ready())
"""


def test_a_shell_sends_a_task_and_gets_its_result(stack: Stack) -> None:
    printed = stack.compose("exec", "--no-TTY", "worker", "python", "-c", TUTORIAL).stdout

    assert printed.strip().splitlines()[-1] == "bool 8 True"
