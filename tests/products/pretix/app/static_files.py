"""pretix with its own static files: it leaves them to a web server, and Nginx has none of its image's."""

from __future__ import annotations

from django.conf import settings
from pretix.wsgi import application as pretix  # type: ignore[import-not-found] # the image alone has it
from whitenoise import WhiteNoise  # type: ignore[import-untyped] # it has no types of its own

application = WhiteNoise(pretix, root=settings.STATIC_ROOT, prefix=settings.STATIC_URL)
