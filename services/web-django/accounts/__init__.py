"""Users: a reusable app that knows nothing of the project around it. It needs ``settings.SITE_URL`` and ``base.html``."""
