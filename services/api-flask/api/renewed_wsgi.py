"""What uWSGI serves: ``module = api.renewed_wsgi:application``.

The lane for uploads goes without: its one process would take nothing new until the longest upload has ended.
"""

from __future__ import annotations

import signal

from landfast_runtime.renewal import Renewed

from api.wsgi import application as api
from api.wsgi import settings

# By SIGHUP, uWSGI's master too asks a process to finish its requests and end.
application = Renewed(api, settings.growth, settings.processes, signal.SIGHUP)
