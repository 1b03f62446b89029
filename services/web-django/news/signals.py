"""The app's signals. Receivers run inside the transaction; their exceptions roll it back."""

from django.dispatch import Signal

#: An article has a new cover (``article``), without renditions yet.
cover_uploaded = Signal()

#: A reader has signed up for the newsletter and has to confirm the address (``subscriber``).
subscription_requested = Signal()

#: An issue is to be sent to all subscribers (``issue``).
newsletter_requested = Signal()
