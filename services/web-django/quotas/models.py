"""What has been used of each limit."""

from __future__ import annotations

from django.db import models


class Allowance(models.Model):
    """One subject's use of one rate."""

    #: The digest of the rate and the subject: no row tells an address or a name.
    key = models.CharField(max_length=64, primary_key=True)
    full_at = models.DateTimeField(db_index=True)

    class Meta:
        """Nobody sees the rows in the admin."""

        default_permissions = ()

    def __str__(self) -> str:
        """Return the key."""
        return self.key
