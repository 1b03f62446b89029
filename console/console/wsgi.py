"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from console import config

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

# A bad variable must stop the start, not the first report.
config.dependencies()
application = get_wsgi_application()

import console.urls  # noqa: E402, F401 - Django would load them at the first request
