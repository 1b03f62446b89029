"""The laptop's settings: a crash shows its traceback, and saved static files take effect at once."""

from .settings_container import *  # noqa: F403 - the same in all else

DEBUG = True
