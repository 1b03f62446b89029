"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from console import config

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

# An invalid variable must prevent the start, instead of failing the first report.
config.dependencies()
application = get_wsgi_application()

import console.urls  # noqa: E402, F401 - Django would load them at the first request
