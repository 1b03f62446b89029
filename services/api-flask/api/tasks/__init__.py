"""Handing tasks to the workers, and asking how they went."""

from api.tasks.views import blueprint

__all__ = ["blueprint"]
