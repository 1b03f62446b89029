"""A mypy plugin that invalidates mypy's cache when Django's settings have changed.

django-stubs imports the settings, so mypy does not notice a new setting and would use its outdated cache.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from mypy.plugin import Plugin

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from mypy.plugin import ReportConfigContext

#: The settings of the Django projects; a run of mypy finds those of one.
SETTINGS = ("mysite.settings_static", "console.settings_static")


class SettingsPlugin(Plugin):
    """Tells mypy the further inputs of its results, beside the modules themselves."""

    def report_config_data(self, ctx: ReportConfigContext) -> str:  # noqa: ARG002 - the same for all modules
        """Return a digest of the settings."""
        found = [spec.origin for name in SETTINGS if (spec := _spec(name)) and spec.origin]
        return hashlib.sha256(b"".join(Path(origin).read_bytes() for origin in found)).hexdigest()


def _spec(name: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:  # the package above it is another project's
        return None


def plugin(_version: str) -> type[SettingsPlugin]:
    """Return the plugin; mypy calls this function."""
    return SettingsPlugin
