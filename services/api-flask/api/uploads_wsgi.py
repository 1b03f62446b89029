"""The WSGI application of the processes for uploads: ``module = api.uploads_wsgi:application``."""

from __future__ import annotations

from api.uploads import ReadToTheEnd
from api.wsgi import application as api

application = ReadToTheEnd(api)
