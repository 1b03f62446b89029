"""The WSGI servers that an application can have: libs/runtime/landfast_runtime/servers/commands.py."""

from __future__ import annotations

SERVERS = ("gunicorn", "gunicorn-sync", "uwsgi", "granian", "bjoern", "mod_wsgi", "wsgiref", "cgi")
