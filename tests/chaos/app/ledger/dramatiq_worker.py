"""Dramatiq's worker with the ledger's actor: ``dramatiq ledger.dramatiq_worker``."""

from __future__ import annotations

import dramatiq
from landfast_outbox.actors import DurableActor
from tasks.actors import DRAMATIQ_QUEUE
from worker.dramatiq_app import broker

from ledger.tasks import ACTOR, book_by_dramatiq

__all__ = ["actor", "broker"]

declare = dramatiq.actor(actor_class=DurableActor, actor_name=ACTOR, queue_name=DRAMATIQ_QUEUE, database="api")
actor = declare(book_by_dramatiq)
