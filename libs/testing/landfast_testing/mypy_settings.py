"""Part of mypy's configuration: lets it look again at everything when Django's settings have changed.

django-stubs reads the settings by importing them, so mypy takes what it has kept for right though a setting has come.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from mypy.plugin import Plugin

if TYPE_CHECKING:
    from mypy.plugin import ReportConfigContext

SETTINGS = "mysite.settings_static"


class SettingsPlugin(Plugin):
    """Tells mypy what its results depend on beside the modules themselves."""

    def report_config_data(self, ctx: ReportConfigContext) -> str | None:  # noqa: ARG002 - holds for all modules
        """Return what stands for the settings' content."""
        found = importlib.util.find_spec(SETTINGS)
        return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest() if found and found.origin else None


def plugin(_version: str) -> type[SettingsPlugin]:
    """Return the plugin; mypy calls this function."""
    return SettingsPlugin
