"""Replaces the password that every new pretix has; run by ``python -m pretix shell`` after each migration."""

from __future__ import annotations

import os

from pretix.base.models import User  # type: ignore[import-not-found] # the image alone has it

for user in User.objects.filter(email="admin@localhost"):
    if user.check_password("admin"):
        user.set_password(os.environ["ADMIN_PASSWORD"])
        user.save()
