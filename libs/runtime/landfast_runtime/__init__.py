"""The parts that services share. A service installs the libraries of the modules that it imports, and no others.

==================  ===================================================================================
module              its purpose
==================  ===================================================================================
``env``             configuration: variables and secrets, read once and judged
``addresses``       configuration: host names and web addresses
``connections``     configuration: where PostgreSQL, Redis and RabbitMQ are, and as whom they are entered
``broker``          one question to RabbitMQ, without Celery
``logs``            a JSON object a line, with the ids of request and task
``health``          readiness: asks each server that a service depends on
``probe``           a container's own health check: ``python -m landfast_runtime.probe URL``
``wire``            the requests that both of them send, over HTTP or the uwsgi protocol
``shortage``        tells a server whose disk or memory is full from one that is away
``postgres``        waiting for a PostgreSQL that restarts; statements that save a trip to it
``schema``          migrations before they run: which are pending, and what the release before cannot live with
``celery``          Celery applications, and what their workers need otherwise than callers
``celery_results``  where results are kept
``worker``          the programs of an application's workers and beat: lanes, renewal, proofs of health
``django``          for Django projects: Gunicorn, logs, middleware, beat's scheduler
``memory``          by how much a process may grow before it is replaced
``debugger``        the stop at a ``breakpoint()`` under ``./stack debug``
==================  ===================================================================================
"""
