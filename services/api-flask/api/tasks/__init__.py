"""Handing tasks to the workers, and asking how they went."""

from api.tasks.views import init_results, routes

__all__ = ["init_results", "routes"]
