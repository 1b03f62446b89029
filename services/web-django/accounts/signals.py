"""What others may want to follow up. Receivers run inside the transaction; what they raise undoes it.

A receiver that cannot take it on raises :class:`ConnectionError`: then nothing is stored, and the visitor is told.

Whoever asks for a letter to an address that nobody has causes the same work as for one that somebody has, so that
neither the answer nor its time nor an outage tells which it was. Such signals carry a user who was never stored, whose
number is :data:`NOBODY`.
"""

from django.dispatch import Signal

#: The number of no account.
NOBODY = 0

#: Somebody has registered (``user``); their welcome letter also verifies the address.
registered = Signal()

#: Somebody's address is yet to be proven theirs, for the first time or after a change (``user``).
verification_requested = Signal()

#: Somebody wants to choose a new password (``user``).
password_reset_requested = Signal()
