"""What others may want to follow up. Receivers run inside the transaction; what they raise undoes it.

A receiver that cannot take it on raises :class:`ConnectionError`: then nothing is stored, and the visitor is told.
"""

from django.dispatch import Signal

#: Somebody has registered (``user``).
registered = Signal()

#: Somebody's address is yet to be proven theirs (``user``).
verification_requested = Signal()

#: Somebody wants to choose a new password (``user``).
password_reset_requested = Signal()
