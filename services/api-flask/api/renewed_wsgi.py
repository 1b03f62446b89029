"""The WSGI application for uWSGI, whose processes are renewed: ``module = api.renewed_wsgi:application``.

The processes for uploads are not renewed: the only one would accept no upload until its longest one ends.
"""

from __future__ import annotations

import signal

from landfast_runtime.renewal import Renewed

from api.wsgi import application as api
from api.wsgi import settings

# uWSGI's master sends the same signal to a process that is to finish its requests and exit.
application = Renewed(api, settings.growth, settings.processes, signal.SIGHUP)
