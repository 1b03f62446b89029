"""Dramatiq's worker: ``dramatiq lengthy.actors``."""

import dramatiq
from landfast_outbox.actors import DurableActor
from tasks.actors import DRAMATIQ_QUEUE
from worker.dramatiq_app import broker

from lengthy.bodies import leak, linger

__all__ = ["broker"]

for body in (linger, leak):
    declare = dramatiq.actor(actor_class=DurableActor, actor_name=f"lengthy.{body.__name__}", queue_name=DRAMATIQ_QUEUE)
    declare(body)
