"""Durable tasks: a task is a row in its caller's transaction before it is a message, and PostgreSQL is the truth.

The core knows no framework:

===================  ==================================================================================
module               what it does
===================  ==================================================================================
``task``             what a caller hands over, and what it may not ask for
``store``            every SQL statement
``writing``          finds the transaction that a new task belongs to, or gives it one of its own
``databases``        the databases that tasks make their effects in, and what running a task needs of one
``consumer``         runs a task so that its effect and its completion commit together or not at all
``endings``          how a task ends, or is put off, when its run does not complete it
``exceptions``       what ends a run otherwise than by a result
``relay``            the service: publishes what is committed, again where nothing came of it, and tidies up
``publisher``        sends many messages to RabbitMQ and waits for all their confirms together
``closed``           the queues that RabbitMQ takes nothing for
``tally``            what a relay counts
``monitor``          the relay's pages: ``/metrics`` and ``/healthz``
``readiness``        whether committed tasks get out of the outbox, for a page of readiness
``dead``             dead letters on the command line
``rights``           who may do what with the tables, as the contracts want it
``settings``         what the relay reads from its environment
===================  ==================================================================================

All that is particular to a framework is in its adapter:

===================  ==================================================================================
module               whose
===================  ==================================================================================
``celery``           Celery's: :class:`~landfast_outbox.celery.DurableTask`; ``celery_messages`` makes its rows
``by_name``          Celery's for callers that know a task's name alone: it is another application's
``dramatiq``         Dramatiq's for callers: the form of its messages; it needs no Dramatiq
``actors``           Dramatiq's for workers: :class:`~landfast_outbox.actors.DurableActor`
``django.database``  Django's: its transactions; the rest of ``django`` is the page in its admin
``sqlalchemy``       SQLAlchemy's: its transactions
``psycopg``          for programs without a framework: psycopg's own transactions
``schema``           Alembic's: makes and changes the tables by ``migrations``
===================  ==================================================================================
"""
