"""The WSGI application of the processes for uploads: ``module = api.uploads_wsgi:application``."""

from __future__ import annotations

from api.uploads import Uploads, stop_reading_from_uwsgi
from api.wsgi import application as api

application = Uploads(api, stop_reading_from_uwsgi)
