#!/usr/bin/env python
"""Answer one request by CGI: load the application, call it, and end."""

from __future__ import annotations

import os
from wsgiref.handlers import CGIHandler

from landfast_runtime.servers.apache import APPLICATION
from landfast_runtime.servers.loading import load

CGIHandler().run(load(os.environ[APPLICATION]))
