"""The programs of every application's workers and beat: their set-up, renewal and health checks.

An application has its own Celery application, tasks and lanes; :func:`~landfast_runtime.worker.program.configure` makes
a worker's program from them.
"""
