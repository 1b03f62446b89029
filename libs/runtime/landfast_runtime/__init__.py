"""What every Landfast service shares: configuration, secrets, logging, health probes and the Celery application."""
