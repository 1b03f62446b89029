"""Code that services share. A service installs only the third-party libraries of the modules that it imports.

==================  ===================================================================================
module              its purpose
==================  ===================================================================================
``env``             configuration: variables and secrets, read once and validated
``addresses``       configuration: host names and web addresses
``connections``     configuration: addresses and users for PostgreSQL, Redis and RabbitMQ
``broker``          a channel to RabbitMQ for one question, without Celery
``logs``            a JSON object a line, with the ids of request and task
``health``          readiness: checks each server that a service depends on
``probe``           a container's own health check: ``python -m landfast_runtime.probe URL``
``wire``            the requests of both, over HTTP or the uwsgi protocol
``shortage``        distinguishes a server whose disk or memory is full from one that is away
``postgres``        waiting for a PostgreSQL that restarts; statements that save a round trip
``schema``          pending migrations, and their changes that the previous release cannot work with
``celery``          Celery applications, and the different settings of their workers
``celery_results``  the result backend
``worker``          the programs of an application's workers and beat: lanes, renewal, health checks
``django``          for Django projects: Gunicorn, logs, middleware, beat's scheduler
``memory``          the limit of a process's growth before it is replaced
``debugger``        ``breakpoint()`` under ``./stack debug``
==================  ===================================================================================
"""
