"""Mail that goes out: conversations with a mail server, and what each task that sends a letter says of itself."""

from __future__ import annotations

from typing import Any, Final

from landfast_runtime.worker.retrying import FOR_A_DAY

#: The options of every task that sends a letter: a mail server may take ten minutes for one, so no transaction is open
#: meanwhile (``long``). Before the final dot the conversation notes that the letter may be taken from now on.
LETTER: Final[dict[str, Any]] = {"ignore_result": True, "long": True, **FOR_A_DAY}
