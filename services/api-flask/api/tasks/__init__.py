"""Sending tasks to the workers, and their states and results."""

from api.tasks.views import init_tasks, routes

__all__ = ["init_tasks", "routes"]
