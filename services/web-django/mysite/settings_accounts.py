"""The settings of accounts and languages, which depend on no variable."""

from __future__ import annotations

from datetime import timedelta

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: a locked login is refused before the password is checked
    "accounts.guard.GuardBackend",  # so are too many logins
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_HASHERS = ["accounts.hashing.Argon2"]
PASSWORD_HASHES_AT_ONCE = 1  # of each process; settings.py adjusts it to the threads
PASSWORD_RESET_TIMEOUT = 4 * 3600
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "accounts:profile"
LOGOUT_REDIRECT_URL = "/"

# --- Lockout: five wrong passwords for one name from one address lock that pair --------------------------------------

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
# Both together: a stranger cannot lock a user out of the user's own addresses.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# Further attempts do not prolong the lock; the page shows its duration.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "quotas.visitors.network"
NEWS_CLIENT_ADDRESS = AXES_CLIENT_IP_CALLABLE  # the rate limit of comments uses the same address
NEWS_LETTER_GATE = "quotas.letters.admit"  # every letter that a stranger causes passes it
AXES_USERNAME_CALLABLE = "accounts.lockout.counted_name"
AXES_LOCKOUT_CALLABLE = "mysite.errors.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # no log of logins by time and address: it is not needed
AXES_ALLOWED_CORS_ORIGINS = ""
AXES_VERBOSE = False

# --- Languages: by the cookie, then by the browser's preference ------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ru", "Русский")]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
