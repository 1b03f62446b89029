"""The API as a WSGI application, loaded and with its log."""

from __future__ import annotations

import logging.config

from landfast_runtime.logs import logging_config

from api.app import create_app
from api.config import load_settings

settings = load_settings()
logging.config.dictConfig(logging_config(settings.service, settings.database.log_level))
application = create_app(settings)
