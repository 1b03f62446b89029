"""The site with a page that leaks: ``gunicorn lengthy.web_wsgi:application``."""

from __future__ import annotations

from mysite.wsgi import application as site

from lengthy.leaking import Leaking

application = Leaking(site, "/lengthy/leak")
