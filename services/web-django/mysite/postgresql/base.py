"""Where Django looks for a backend's connection class."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base

from mysite.postgresql.outage import Outage

_outage = Outage()


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection, which does not queue up at a database that is away."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:  # noqa: ANN401 - as Django declares it
        """Return a connection out of the pool."""
        with _outage.attempt():
            return super().get_new_connection(conn_params)
