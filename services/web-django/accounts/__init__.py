"""Users: a reusable app that knows nothing of the project around it.

It needs a ``base.html`` to stand in and ``settings.SITE_URL``, the address that the welcome mail links to.
"""
