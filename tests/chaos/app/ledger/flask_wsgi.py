"""The API with the ledger's page: ``uwsgi --module ledger.flask_wsgi:application``."""

from __future__ import annotations

from api.db import transaction
from api.tasks.shared import DRAMATIQ_QUEUE
from api.wsgi import application
from flask import Blueprint, request
from landfast_outbox import dramatiq

from ledger.bodies import ACTOR
from ledger.entry import ACCEPT, Entry
from ledger.flask_tasks import book_with_sqlalchemy

blueprint = Blueprint("ledger", __name__)


@blueprint.post("/api/v1/ledger")
def accept() -> tuple[dict[str, str], int]:
    """Accept an entry: its row and its task are there together or not at all."""
    entry = Entry.read(request.get_json())
    with transaction() as session:
        task = send(entry)
        session.connection().exec_driver_sql(ACCEPT, entry.row(task))
    return {"task": task}, 202


def send(entry: Entry) -> str:
    """Send the task that books an entry, and return its id."""
    arguments = (entry.entry, entry.run, entry.work)
    if entry.engine == "dramatiq":
        return dramatiq.send(ACTOR, DRAMATIQ_QUEUE, arguments)
    return str(book_with_sqlalchemy.delay(*arguments).id)


application.register_blueprint(blueprint)
