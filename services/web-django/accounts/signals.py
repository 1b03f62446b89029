"""The app's signals. Receivers run inside the transaction; their exceptions roll it back.

A receiver that cannot do its work raises :class:`ConnectionError`: then nothing is stored, and the visitor is informed.

A request for a mail to an unknown address causes the same work as for a known one, so that neither the response nor its
time nor an outage discloses accounts. Such signals have a user who was never stored, with the id :data:`NOBODY`.
"""

from django.dispatch import Signal

#: The id of no account.
NOBODY = 0

#: A user has registered (``user``); the welcome mail also verifies the address.
registered = Signal()

#: A user's address is to be verified, for the first time or after a change (``user``).
verification_requested = Signal()

#: A user has requested a new password (``user``).
password_reset_requested = Signal()
