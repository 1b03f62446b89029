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
    from importlib.machinery import ModuleSpec

    from mypy.plugin import ReportConfigContext

#: The settings of the Django projects; a run of mypy finds those of one.
SETTINGS = ("mysite.settings_static", "console.settings_static")


class SettingsPlugin(Plugin):
    """Tells mypy what its results depend on beside the modules themselves."""

    def report_config_data(self, ctx: ReportConfigContext) -> str:  # noqa: ARG002 - holds for all modules
        """Return what stands for the settings' content."""
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
