"""The stop at a ``breakpoint()`` while ``./stack debug`` runs a service; it names this in ``PYTHONBREAKPOINT``."""

from __future__ import annotations

import pdb  # noqa: T100 - nobody but ./stack debug comes here
import sys


def stop() -> None:
    """Stop in the caller's code, and leave Ctrl-C to the service afterwards.

    pdb of its own keeps Ctrl-C once it has gone on: it would come back instead of ending the service.
    """
    pdb.Pdb(nosigint=True).set_trace(sys._getframe(1))  # noqa: SLF001 - as pdb.set_trace() does
