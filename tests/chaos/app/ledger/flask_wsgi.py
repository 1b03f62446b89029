"""The API with the ledger's page: ``uwsgi --module ledger.flask_wsgi:application``."""

from __future__ import annotations

from api.db import transaction
from api.wsgi import application
from flask import Blueprint, request

from ledger.entry import ACCEPT, Entry
from ledger.tasks import book_with_sqlalchemy

blueprint = Blueprint("ledger", __name__)


@blueprint.post("/api/v1/ledger")
def accept() -> tuple[dict[str, str], int]:
    """Accept an entry: its row and its task are there together or not at all."""
    entry = Entry.read(request.get_json())
    with transaction() as session:
        task = book_with_sqlalchemy.delay(entry.entry, entry.run, entry.work)
        session.connection().exec_driver_sql(ACCEPT, entry.row(task.id))
    return {"task": task.id}, 202


application.register_blueprint(blueprint)
