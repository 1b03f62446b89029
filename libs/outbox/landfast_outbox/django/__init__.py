"""The outbox in Django's admin: tasks that wait, tasks that run, dead letters, and their re-drive.

Add ``landfast_outbox.django`` to ``INSTALLED_APPS``. It has no migrations: its table is the outbox's own.
"""
