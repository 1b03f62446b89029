"""Dramatiq's worker with the ledger's actor: ``dramatiq ledger.dramatiq_worker``. It books in psycopg's transaction."""

from __future__ import annotations

import dramatiq
from landfast_outbox.actors import DurableActor
from landfast_outbox.psycopg import PsycopgDatabase
from landfast_runtime.logs import task_id
from tasks.actors import DRAMATIQ_QUEUE
from worker.dramatiq_app import broker

from ledger.bodies import ACTOR, book
from ledger.entry import Entry

__all__ = ["actor", "broker"]


def book_by_dramatiq(entry: str, run: str, work: float) -> None:
    """Book an entry that the API accepted. The task's id is where log lines find it."""
    book(PsycopgDatabase.connection().execute, Entry(entry, run, work), str(task_id.get()))


declare = dramatiq.actor(actor_class=DurableActor, actor_name=ACTOR, queue_name=DRAMATIQ_QUEUE)
actor = declare(book_by_dramatiq)
