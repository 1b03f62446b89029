"""Django's settings, built from the typed configuration; no variable is read here."""

from __future__ import annotations

from typing import Any

from django.utils.csp import CSP
from landfast_runtime.django.logs import django_logging

from mysite import config
from mysite import settings_static as static
from mysite.settings_accounts import *  # noqa: F403 - they depend on nothing, and Django wants them here
from mysite.settings_interfaces import *  # noqa: F403 - they depend on nothing, and Django wants them here

SITE = config.site()

SECRET_KEY = SITE.secret_key
# False everywhere: with it Django keeps every query in memory, shows other error pages, and needs no ALLOWED_HOSTS.
DEBUG = False
DEBUG_PAGES = SITE.debug_pages  # Django's debug page, on a laptop: mysite/errors.py
ALLOWED_HOSTS = list(SITE.allowed_hosts)
INSTALLED_APPS = static.INSTALLED_APPS
ROOT_URLCONF = "mysite.urls"
WSGI_APPLICATION = "mysite.wsgi.application"
SITE_URL = SITE.public_url

MIDDLEWARE = [
    "landfast_runtime.django.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "landfast_runtime.django.middleware.PrivateByDefaultMiddleware",
    "mysite.wellformed.WellFormedMiddleware",  # before middleware that reads the query or a cookie
    "mysite.middleware.DatabaseOutageMiddleware",
    "mysite.middleware.TooManyMiddleware",
    "accounts.browsers.KnownBrowserMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "mysite.middleware.LanguageMiddleware",  # before middleware that sets validators: each language is its own page
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it replaces a login's response by that of the lockout
]

# --- Templates and static files --------------------------------------------------------------------------------------

_LOADERS = ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "loaders": _LOADERS if SITE.live_reload else [("django.template.loaders.cached.Loader", _LOADERS)],
        },
    },
]

STATIC_URL = static.STATIC_URL
STATIC_ROOT = static.STATIC_ROOT
MEDIA_ROOT = static.MEDIA_ROOT
MEDIA_URL = static.MEDIA_URL
STORAGES: dict[str, dict[str, Any]] = {**static.STORAGES, "default": SITE.media.backend()}
WHITENOISE_ALLOW_ALL_ORIGINS = False  # only this site uses them
WHITENOISE_MAX_AGE = 3600  # for the few files without a hash in their name
if SITE.live_reload:
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    WHITENOISE_AUTOREFRESH = True
    WHITENOISE_USE_FINDERS = True
    WHITENOISE_MAX_AGE = 0  # Nginx caches as long as browsers may

# --- Database: one pool for each process, as large as it has threads -------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "mysite.postgresql",
        "NAME": SITE.postgres.database,
        "USER": SITE.postgres.user,
        "PASSWORD": SITE.postgres.password,
        "HOST": SITE.postgres.host,
        "PORT": str(SITE.postgres.port),
        "CONN_MAX_AGE": 0,  # the pool keeps connections open, and refuses Django's own persistent connections
        # A round trip before a request, on purpose: a server that drains spares sessions that have just been active
        # (images/postgres/drain), and a look at the socket would leave them idle.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "application_name": config.SERVICE,
            "connect_timeout": 2,
            "pool": {
                "min_size": 1,
                "max_size": SITE.threads,
                # Seconds; then one attempt finds the reason, and a page waits if the database restarts
                # (mysite/postgresql).
                "timeout": 0.5,
                # The pool retries no longer than that: its growing pauses would outlast an outage by up to two minutes.
                "reconnect_timeout": 0,
            },
        },
    },
}

# Reasons why the previous release can work with third-party packages' migrations ("auth.0013_name": "why") in spite of
# a deploy's finding. Our own migrations have the attribute compatible_because.
COMPATIBLE_MIGRATIONS: dict[str, str] = {}

# --- Cache: makes pages faster, but none needs it --------------------------------------------------------------------

CACHES = {
    "default": {
        "BACKEND": "mysite.cache.OptionalRedisCache",
        "LOCATION": SITE.cache.url,
        "KEY_PREFIX": "web",  # the prefix in the contract: Redis refuses other keys
        "VERSION": 2,  # values of earlier releases were pickled: neither side reads the other's
        "OPTIONS": {
            "IGNORE_EXCEPTIONS": True,
            # Workers write here too. JSON is only data; a pickle would run as code of the site.
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "SOCKET_TIMEOUT": 0.25,
            "SOCKET_CONNECT_TIMEOUT": 0.25,
            "CONNECTION_POOL_CLASS": "mysite.cache.PausingPool",
        },
    },
}
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True  # mysite/cache.py filters its log
if SITE.live_reload:
    # An edited template is to show at once, not the cached fragment.
    CACHES["template_fragments"] = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}

# --- Accounts --------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = static.AUTH_USER_MODEL  # the rest: mysite/settings_accounts.py
# As many again may wait, and as many are reserved for known browsers: a quarter of the threads always answers other
# requests.
PASSWORD_HASHES_AT_ONCE = max(1, SITE.threads // 4)
LETTERS_PER_HOUR = SITE.letters
FORM_RENDERER = static.FORM_RENDERER

# --- Security: TLS ends at Nginx, which sets X-Forwarded-Proto and passes the Host header on with its port -----------

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Nginx sends Strict-Transport-Security (W004) and redirects to HTTPS (W008), for all applications alike.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]
SESSION_COOKIE_SECURE = SITE.cookie_secure
CSRF_COOKIE_SECURE = SITE.cookie_secure
CSRF_COOKIE_HTTPONLY = True
# Forms from the host that they are sent to always pass, with any port. This adds the case of another TLS proxy in
# front of Nginx.
CSRF_TRUSTED_ORIGINS = [SITE.public_url]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
if SITE.media.origin:
    SECURE_CSP["img-src"] = [CSP.SELF, SITE.media.origin]

# --- REST and GraphQL: mysite/settings_interfaces.py -----------------------------------------------------------------

if SITE.live_reload:
    # GraphiQL's files, from their package: only on a laptop, no image collects them.
    INSTALLED_APPS = [*INSTALLED_APPS, "graphene_django_graphiql_static"]

# --- Language, time, logs --------------------------------------------------------------------------------------------

LANGUAGE_COOKIE_SECURE = SITE.cookie_secure
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = django_logging(config.service(), SITE.log_level)
LOGGING["loggers"]["psycopg.pool"] = {"level": "WARNING"}
