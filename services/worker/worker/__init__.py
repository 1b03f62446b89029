"""The programs that run the shared tasks: Celery's worker and beat, and Dramatiq's worker."""
