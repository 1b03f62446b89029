"""All texts of the console are translated into Russian, and the compiled translations are up to date."""

from __future__ import annotations

from pathlib import Path

import landfast_outbox.django
from landfast_testing.translations import Translations

CONSOLE = Path(__file__).resolve().parent.parent


class TestTranslations(Translations):
    """The translations of the console, and of the outbox's pages in it."""

    apps = {  # noqa: RUF012 - a constant
        "console": CONSOLE / "console",
        "outbox": Path(landfast_outbox.django.__path__[0]),
    }
