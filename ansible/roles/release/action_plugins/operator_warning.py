"""Shows a line in each run, although nothing changes: Ansible hides the messages of unchanged tasks (ansible.cfg)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

if TYPE_CHECKING:
    from collections.abc import Mapping


class ActionModule(ActionBase):  # type: ignore[misc] # Ansible has no types
    """``operator_warning: {message: TEXT}``."""

    def run(self, tmp: str | None = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Show the message and change nothing."""
        del tmp, task_vars
        # A warning in Ansible's own sense would be hidden with its task.
        Display().display(f"[WARNING]: {self._task.args['message']}", color="bright purple", stderr=True)
        return {"changed": False}
