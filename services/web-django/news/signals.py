"""What others may want to follow up. Receivers run inside the transaction; what they raise undoes it."""

from django.dispatch import Signal

#: An article has a new cover (``article``); its renditions are yet to be made.
cover_uploaded = Signal()

#: Somebody wants newsletters and has to confirm the address first (``subscriber``).
subscription_requested = Signal()

#: An issue shall go out to all subscribers (``issue``).
newsletter_requested = Signal()
