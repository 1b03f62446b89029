"""Durable tasks: a task is a row in its caller's transaction before it is a message; PostgreSQL is the source of truth.

The core knows no framework:

===================  ==================================================================================
module               purpose
===================  ==================================================================================
``task``             a new task as a row, and the options that callers may not use
``store``            every SQL statement
``writing``          finds the transaction that a new task belongs to, or opens one for it
``databases``        the databases of tasks' effects, and the interface that a run needs
``consumer``         runs a task so that its effect and its completion commit together or not at all
``runs``             the state of the run in progress, and its point of no return
``completion``       the transaction that completes a task together with its effect
``endings``          a task's other ends: dead letters, tasks that are put off, retries
``exceptions``       the exceptions that end a run without a result
``relay``            the service: publishes committed tasks, republishes lost ones, and purges old rows
``publisher``        sends batches of messages to RabbitMQ and waits for their confirms
``closed``           the queues for which RabbitMQ accepts no messages
``tally``            a relay's counters
``monitor``          the relay's pages: ``/metrics`` and ``/healthz``
``readiness``        a readiness check: do committed tasks leave the outbox?
``dead``             dead letters on the command line
``rights``           roles' rights on the tables, derived from the contracts
``settings``         the relay's settings, read from its environment
===================  ==================================================================================

Everything that is specific to a framework is in its adapter:

===================  ==================================================================================
module               framework
===================  ==================================================================================
``celery``           Celery: :class:`~landfast_outbox.celery.DurableTask`; ``celery_messages`` makes its rows
``by_name``          Celery, for callers that know only the name of a task: the task is another application's
``dramatiq``         Dramatiq, for callers: the format of its messages; it does not import Dramatiq
``actors``           Dramatiq, for workers: :class:`~landfast_outbox.actors.DurableActor`
``django.database``  Django's transactions; the rest of ``django`` is the page in its admin
``sqlalchemy``       SQLAlchemy's transactions
``psycopg``          psycopg's own transactions, for programs without a framework
``schema``           Alembic: creates and changes the tables with ``migrations``
===================  ==================================================================================
"""
