"""The hook of ``breakpoint()`` for ``./stack debug``, which names it in ``PYTHONBREAKPOINT``."""

from __future__ import annotations

import pdb  # noqa: T100 - only ./stack debug uses this module
import sys


def stop() -> None:
    """Stop in the caller's code, and leave Ctrl-C to the service afterwards.

    pdb keeps its own handler of Ctrl-C after ``continue``: Ctrl-C would return to pdb instead of ending the service.
    """
    pdb.Pdb(nosigint=True).set_trace(sys._getframe(1))  # noqa: SLF001 - like pdb.set_trace()
