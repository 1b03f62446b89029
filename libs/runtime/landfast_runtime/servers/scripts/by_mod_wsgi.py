"""The script that mod_wsgi loads: the application that a variable names."""

from __future__ import annotations

import os

from landfast_runtime.servers.apache import APPLICATION
from landfast_runtime.servers.loading import load

application = load(os.environ[APPLICATION])
