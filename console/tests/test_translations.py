"""Whatever the console says, it says in Russian, too; and what was compiled is what was translated."""

from __future__ import annotations

from pathlib import Path

import landfast_outbox.django
from landfast_testing.translations import Translations

CONSOLE = Path(__file__).resolve().parent.parent


class TestTranslations(Translations):
    """Those of the console, and of the outbox's pages in it."""

    apps = {  # noqa: RUF012 - a constant
        "console": CONSOLE / "console",
        "outbox": Path(landfast_outbox.django.__path__[0]),
    }
