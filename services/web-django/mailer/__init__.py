"""Outgoing mail: conversations with a mail server, and the options of tasks that send mail."""

from __future__ import annotations

from typing import Any, Final

from landfast_runtime.worker.retrying import FOR_A_DAY

#: The options of every task that sends a mail: a mail server may take ten minutes for one, so no transaction is open
#: meanwhile (``long``). Before the final dot the conversation records that the server may accept the mail from now on.
LETTER: Final[dict[str, Any]] = {"ignore_result": True, "long": True, **FOR_A_DAY}
