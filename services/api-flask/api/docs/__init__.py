"""The OpenAPI document and its interactive page."""

from api.docs.views import blueprint

__all__ = ["blueprint"]
