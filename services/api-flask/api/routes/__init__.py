"""Declarations of a blueprint's routes, from which both validation and documentation are derived.

::

    routes = Routes("units", __name__, prefix="/api/v1/units", tag="Units")

    @routes.post("/", Answer(201, "The new unit.", Unit), scope="units:write", idempotent=True)
    def create(body: NewUnit) -> Response:
        '''Add a unit.'''                  # the first line is the summary in the OpenAPI document
        with transaction() as session:
            ...
        return respond(unit, HTTPStatus.CREATED, {"Location": ...})

A view's arguments are the path's parameters by name, and ``body`` and ``query`` as pydantic models, by annotation.
"""

from api.routes.answering import respond
from api.routes.blueprint import Routes, registered_routes
from api.routes.fields import Number, Text, Word
from api.routes.operation import Answer, Operation

__all__ = ["Answer", "Number", "Operation", "Routes", "Text", "Word", "registered_routes", "respond"]
