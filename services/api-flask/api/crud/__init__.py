"""JSON:API for small tables, generated from their SQLAlchemy models: see :func:`api.crud.resource.crud`."""

from api.crud.views import TABLES

__all__ = ["TABLES"]
