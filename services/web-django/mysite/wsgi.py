"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

from mysite import config

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

# Django loads URLs, and with them the task producers, at the first request. A bad variable must stop the start instead.
config.dependencies()
application = get_wsgi_application()

import mysite.urls  # noqa: E402, F401 - needs the applications to be loaded
