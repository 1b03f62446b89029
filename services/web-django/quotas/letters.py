"""The gate of every letter that a stranger can cause, or a user whose address nobody has verified.

The site's name is on such letters. So nobody gets many of them, whatever the forms, and however the address is written;
and nobody causes many of them, from one place or with one account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from quotas.rates import ExceededError, Rate, take
from quotas.visitors import mailbox, network

if TYPE_CHECKING:
    from django.http import HttpRequest

#: Letters that a logged-in user causes.
BY_ACCOUNT: Final = Rate("letters-by-account", 5, 3600)
#: Letters to one mailbox.
TO_MAILBOX: Final = Rate("letters-to-mailbox", 4, 3600)


def admit(request: HttpRequest, recipient: str) -> bool:
    """Count a letter, and return whether it may be sent. If it may not, the visitor is not to see that.

    Args:
        request: the visitor's request.
        recipient: the address, of an account or of nobody: both count alike, so that nothing tells them apart.

    Raises:
        ExceededError: this visitor has caused too many letters.
    """
    causes = [(Rate("letters-by-address", settings.LETTERS_PER_HOUR, 3600), network(request))]
    if request.user.is_authenticated:
        causes += [(BY_ACCOUNT, str(request.user.pk))]
    wait = take(causes)
    if wait:
        raise ExceededError(_("You have asked for many letters in a short time. Please try again later."), wait)
    return not take([(TO_MAILBOX, mailbox(recipient))])


def insist(request: HttpRequest, recipient: str) -> None:
    """Count a letter without which the request is pointless.

    Raises:
        ExceededError: this visitor has caused too many letters, or the recipient has got too many.
    """
    if not admit(request, recipient):
        message = _("This address has got several letters from us in a short time. Please try again in an hour.")
        raise ExceededError(message, TO_MAILBOX.within)
