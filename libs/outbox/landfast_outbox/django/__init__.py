"""The outbox in Django's admin: what waits, what runs, what died, and another chance for it.

Add ``landfast_outbox.django`` to ``INSTALLED_APPS``. It has no migrations: its table is the outbox's own.
"""
