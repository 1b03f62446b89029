"""Shows the lines of a rollout on a manager as they come, until its end; also over a restart of the manager.

A rollout takes minutes, and a task shows its output only at its end. So this plugin asks ``landfast follow`` again and
again, and prints each line at once.
"""

from __future__ import annotations

import json
import shlex
import time
from contextlib import suppress
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

#: Seconds between two attempts to connect, and for answers without any program at work that ends the rollout.
INTERVAL, PATIENCE = 5.0, 60.0


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """The action ``follow_rollout``: ``result`` is the rollout's result file, ``away`` the seconds for a restart."""

    TRANSFERS_FILES = False
    _VALID_ARGS = frozenset({"result", "away"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Follow the rollout, and return ``ended``: whether it has left its result."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        path, away = str(self._task.args["result"]), float(self._task.args["away"])
        display, known, seen, lost = Display(), 0, time.monotonic(), False
        while True:
            try:
                answer = self.ask(path, known)
            except AnsibleConnectionFailure as error:
                if time.monotonic() - seen > away:
                    return {**result, "unreachable": True, "msg": f"no connection for {away:.0f} s: {error}"}
                if not lost:
                    display.display(f"  no connection to {task_host(task_vars)}; the rollout goes on there")
                lost = True
                with suppress(AnsibleError, OSError):
                    self._connection.reset()
                time.sleep(INTERVAL)
                continue
            lost = False
            for line in answer["lines"]:
                display.display(f"  {line}")
            known += len(answer["lines"])
            if answer["ended"]:
                return {**result, "changed": True, "ended": True}
            if answer["alive"]:
                seen = time.monotonic()
            elif time.monotonic() - seen > PATIENCE:
                return {**result, "changed": True, "ended": False}
            else:
                time.sleep(INTERVAL)

    def ask(self, path: str, known: int) -> dict[str, Any]:
        """Return the answer of ``landfast follow``.

        Args:
            path: the rollout's result file.
            known: the number of lines that are known already.

        Raises:
            AnsibleConnectionFailure: there is no connection, or the manager is shutting down.
        """
        done = self._low_level_execute_command(f"landfast follow {shlex.quote(path)} --known {known}")
        try:
            return dict(json.loads(done["stdout"].strip().splitlines()[-1]))
        except (IndexError, ValueError):
            raise AnsibleConnectionFailure(done.get("stderr") or done.get("msg") or "no answer") from None


def task_host(task_vars: dict[str, Any] | None) -> str:
    """Return the name of the host that a task runs on."""
    return str((task_vars or {}).get("inventory_hostname", "the manager"))
