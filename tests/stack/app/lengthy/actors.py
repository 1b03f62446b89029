"""Dramatiq's worker: ``dramatiq lengthy.actors``."""

import dramatiq
from landfast_outbox.actors import DurableActor
from tasks.actors import DRAMATIQ_QUEUE
from worker.dramatiq_app import broker

from lengthy.bodies import linger

__all__ = ["broker"]

dramatiq.actor(actor_class=DurableActor, actor_name="lengthy.linger", queue_name=DRAMATIQ_QUEUE)(linger)
