"""The laptop's settings: a crash shows its traceback, and saved static files take effect at once."""

from .settings import *  # noqa: F403 - all other settings are the same

DEBUG = True
