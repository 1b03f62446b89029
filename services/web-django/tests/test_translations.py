"""Each message of the site has a Russian translation, and the compiled files match the translations."""

from __future__ import annotations

from pathlib import Path

from landfast_testing.translations import Translations

SERVICE = Path(__file__).resolve().parent.parent


class TestTranslations(Translations):
    """The tests for the site's apps."""

    apps = {name: SERVICE / name for name in ("accounts", "quotas", "mysite", "news")}  # noqa: RUF012 - a constant
