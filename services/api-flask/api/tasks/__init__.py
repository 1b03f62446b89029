"""Handing tasks to the workers, and asking how they went."""

from api.tasks.views import routes

__all__ = ["routes"]
