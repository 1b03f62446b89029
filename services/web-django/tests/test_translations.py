"""Whatever the site says, it says in Russian, too; and what was compiled is what was translated."""

from __future__ import annotations

from pathlib import Path

from landfast_testing.translations import Translations

SERVICE = Path(__file__).resolve().parent.parent


class TestTranslations(Translations):
    """Those of the site's apps."""

    apps = {name: SERVICE / name for name in ("accounts", "mysite", "news")}  # noqa: RUF012 - a constant
