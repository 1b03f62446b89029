"""Users: a reusable app that knows nothing of the project around it.

It needs a ``base.html`` to stand in, ``settings.SITE_URL`` (the address that letters link to), somebody who follows its
signals up, and django-axes, which asks :mod:`accounts.lockout`.
"""
