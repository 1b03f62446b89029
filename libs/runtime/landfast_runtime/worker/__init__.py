"""The programs that every application's worker and beat need: how they are set up, renewed, and prove their health.

An application has its own Celery application, tasks and lanes; :func:`~landfast_runtime.worker.program.configure` makes
a worker's program of them.
"""
