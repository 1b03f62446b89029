"""Django's settings, put together from the typed configuration; no variable is read here."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.utils.csp import CSP
from landfast_runtime.django.logs import django_logging
from landfast_runtime.env import Env

from console import config
from console import settings_static as static

CONSOLE = config.console()

SECRET_KEY = CONSOLE.secret_key
DEBUG = False
# Nginx sends requests for unknown names to the stack's own address; no link and no mail contains the requested name.
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = static.INSTALLED_APPS
ROOT_URLCONF = "console.urls"
WSGI_APPLICATION = "console.wsgi.application"

MIDDLEWARE = [
    "landfast_runtime.django.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "landfast_runtime.django.middleware.PrivateByDefaultMiddleware",
    "console.middleware.OutageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "console.middleware.AuditMiddleware",
    "console.factors.SecondFactorMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = static.STATIC_URL
STATIC_ROOT = static.STATIC_ROOT
STORAGES = static.STORAGES

# Few people use the console: each thread opens a connection when it needs one, and closes it after CONN_MAX_AGE.
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": CONSOLE.postgres.database,
        "USER": CONSOLE.postgres.user,
        "PASSWORD": CONSOLE.postgres.password,
        "HOST": CONSOLE.postgres.host,
        "PORT": str(CONSOLE.postgres.port),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "application_name": config.SERVICE,
            "connect_timeout": 2,
            # A host that is gone answers nothing: a statement on an open connection fails within some seconds.
            "tcp_user_timeout": 5000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
        },
    },
}
#: The list of durable tasks reads these, too, as the same role; see landfast_outbox.django.aliases.
OUTBOX_DATABASES = partial(config.databases, Env())
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Operators -------------------------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
PASSWORD_HASHERS = ["landfast_runtime.django.hashers.Argon2"]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # its cookie has the name of other projects'
LOGIN_URL = "/console/login/"
LOGIN_REDIRECT_URL = "/console/"

# https://docs.allauth.org/en/latest/account/configuration.html
ACCOUNT_ADAPTER = "console.accounts.Adapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]  # there is no registration; the check of the settings wants them
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True  # for SESSION_COOKIE_AGE
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300  # seconds; a factor is changed only within them after the password
# console.attempts limits logins. allauth's own limits on codes and on changes of a factor stay.
ACCOUNT_RATE_LIMITS = {"login": None}

# https://docs.allauth.org/en/latest/mfa/configuration.html
SECOND_FACTOR_IS_REQUIRED = CONSOLE.second_factor_is_required
MFA_ADAPTER = "console.factors.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {"authenticate": "console.factors.CodeForm", "reauthenticate": "console.factors.CodeAgainForm"}
MFA_TOTP_ISSUER = "Landfast"
MFA_TOTP_TOLERANCE = 1  # the period before and the one after: telephones' clocks differ
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not CONSOLE.cookie_secure  # http://localhost

# --- Security: TLS ends at Nginx, which sets X-Forwarded-Proto and forwards the Host header with its port ------------

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Nginx sends Strict-Transport-Security (W004) and redirects to HTTPS (W008), for all applications alike.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]
# Separate names: an application at the same address may use the default ones. The session's path is /, for Flower.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "console_session", "console_csrf"
CSRF_COOKIE_PATH = "/console/"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = CONSOLE.cookie_secure
SESSION_COOKIE_AGE = 4 * 3600  # seconds from the login, whether the session is used or not: console.factors
CSRF_COOKIE_HTTPONLY = True
# Django always accepts forms from the same host. This setting is for another TLS proxy in front of Nginx.
CSRF_TRUSTED_ORIGINS = [CONSOLE.public_url]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],  # the QR code of a second factor
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}

# --- Language, time, logs --------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ru", "Русский")]
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = django_logging(config.service(), CONSOLE.log_level)
