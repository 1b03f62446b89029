"""Durable tasks: a task is a row in its caller's transaction before it is a message, and PostgreSQL is the truth.

=============  ========================================================================================
module         what it does
=============  ========================================================================================
``task``       what a caller hands over, and what it may not ask for
``store``      every SQL statement on the table ``outbox.task``
``writing``    finds the transaction that a new task belongs to: SQLAlchemy's, Django's or one of its own
``celery``     :class:`~landfast_outbox.celery.DurableTask`: ``delay`` writes, the worker completes
``dramatiq``   the same for Dramatiq: what sends, in the form of its messages; it needs no Dramatiq
``actors``     :class:`~landfast_outbox.actors.DurableActor`: what a Dramatiq worker runs
``databases``  how a worker reaches the database: Django's way, or SQLAlchemy's
``consumer``   runs a task so that its effect and its completion commit together or not at all
``endings``    how a task ends, or is put off, when its run does not complete it
``setbacks``   statements on ``outbox.setback``: tasks that could not run, and those that may have taken effect outside
``unfit``      what becomes of messages that a worker cannot run
``publisher``  sends many messages to RabbitMQ and waits for all their confirms together
``relay``      the service: publishes what is committed, again where nothing came of it, and tidies up
=============  ========================================================================================
"""
