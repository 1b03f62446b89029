"""How a blueprint declares its routes, so that what is checked and what is documented are one and the same.

::

    routes = Routes("units", __name__, prefix="/api/v1/units", tag="Units")

    @routes.post("/", Answer(201, "The new unit.", Unit), scope="units:write", idempotent=True)
    def create(body: NewUnit) -> Response:
        '''Add a unit.'''                  # the first line is the summary in the OpenAPI document
        with transaction() as session:
            ...
        return respond(unit, HTTPStatus.CREATED, {"Location": ...})

A view takes the path's parts by their names, ``body`` and ``query`` as the pydantic models of their annotations.
"""

from api.routes.answering import respond
from api.routes.blueprint import Routes, registered_routes
from api.routes.fields import Number, Text, Word
from api.routes.operation import Answer, Operation

__all__ = ["Answer", "Number", "Operation", "Routes", "Text", "Word", "registered_routes", "respond"]
