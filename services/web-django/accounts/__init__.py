"""Users: a reusable app without knowledge of the project around it.

It needs a ``base.html`` for its templates, ``settings.SITE_URL`` (the address for links in mails), receivers of its
signals, the app ``quotas``, and django-axes, which uses :mod:`accounts.lockout`.
"""
