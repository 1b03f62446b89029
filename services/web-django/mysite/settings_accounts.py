"""The settings of accounts and languages; they depend on no variable either."""

from __future__ import annotations

from datetime import timedelta

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: whoever is locked out is not even asked for the password
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
PASSWORD_HASHERS = ["landfast_runtime.django.hashers.Argon2"]
PASSWORD_RESET_TIMEOUT = 4 * 3600
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "accounts:profile"
LOGOUT_REDIRECT_URL = "/"

# --- Lock-out: five wrong passwords for one name from one address, and that pair waits -------------------------------

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
# Both together: a stranger cannot lock somebody out of the places that they log in from themselves.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# Trying on does not make the wait longer; the page says how long it is.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "landfast_runtime.django.visitors.client_address"
NEWS_CLIENT_ADDRESS = AXES_CLIENT_IP_CALLABLE  # comments are limited by the same address
AXES_USERNAME_CALLABLE = "accounts.lockout.counted_name"
AXES_LOCKOUT_CALLABLE = "mysite.errors.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # who logged in when, from where: nobody here needs to know
AXES_ALLOWED_CORS_ORIGINS = ""
AXES_VERBOSE = False

# --- Languages: a cookie says which, then the browser ----------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ru", "Русский")]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
