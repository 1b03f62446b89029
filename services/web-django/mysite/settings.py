"""Django's settings, put together from the typed configuration; no variable is read here."""

from __future__ import annotations

from typing import Any

from django.utils.csp import CSP
from landfast_runtime.django.logs import django_logging
from redis.backoff import NoBackoff
from redis.retry import Retry

from mysite import config
from mysite import settings_static as static
from mysite.settings_accounts import *  # noqa: F403 - they depend on nothing, and Django wants them here
from mysite.settings_interfaces import *  # noqa: F403 - they depend on nothing, and Django wants them here

SITE = config.site()

SECRET_KEY = SITE.secret_key
# Everywhere: with it Django keeps every query in memory, words all errors otherwise, and needs no ALLOWED_HOSTS.
DEBUG = False
DEBUG_PAGES = SITE.debug_pages  # its page for a crash, on a laptop: mysite/errors.py
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
    "mysite.wellformed.WellFormedMiddleware",  # before whatever reads the query or a cookie
    "mysite.middleware.DatabaseOutageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "mysite.middleware.LanguageMiddleware",  # before whatever makes validators: each language is a page of its own
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it replaces a login's answer by that of the lock-out
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
WHITENOISE_MAX_AGE = 3600  # of the few files without a hash in their name
if SITE.live_reload:
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    WHITENOISE_AUTOREFRESH = True
    WHITENOISE_USE_FINDERS = True
    WHITENOISE_MAX_AGE = 0  # Nginx keeps copies as long as browsers may

# --- Database: one pool for each process, as large as it has threads -------------------------------------------------

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "mysite.postgresql",
        "NAME": SITE.postgres.database,
        "USER": SITE.postgres.user,
        "PASSWORD": SITE.postgres.password,
        "HOST": SITE.postgres.host,
        "PORT": str(SITE.postgres.port),
        "CONN_MAX_AGE": 0,  # the pool keeps connections open, Django's own way of doing so would get in its way
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "application_name": config.SERVICE,
            "connect_timeout": 2,
            "pool": {
                "min_size": 1,
                "max_size": SITE.threads,
                # Seconds; then the database is asked why, and a page waits if it restarts (mysite/postgresql).
                "timeout": 0.5,
                # The pool tries no more than that: its growing pauses would outlast an outage by up to two minutes.
                "reconnect_timeout": 0,
            },
        },
    },
}

# Why the release before can live with migrations of other people's packages ("auth.0013_name": "why"), where a deploy
# finds that it could not. Migrations of our own say it themselves: compatible_because.
COMPATIBLE_MIGRATIONS: dict[str, str] = {}

# --- Cache: makes pages quicker, is never needed for them ------------------------------------------------------------

CACHES = {
    "default": {
        "BACKEND": "mysite.cache.OptionalRedisCache",
        "LOCATION": SITE.cache.url,
        "KEY_PREFIX": "web",  # as the contract has it: what does not begin so is refused
        "VERSION": 2,  # values of releases before were pickled: these do not read them, nor those these
        "OPTIONS": {
            "IGNORE_EXCEPTIONS": True,
            # Workers write here too. JSON is read as data; a pickle would run as code of the site.
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "SOCKET_TIMEOUT": 0.25,
            "SOCKET_CONNECT_TIMEOUT": 0.25,
            "CONNECTION_POOL_CLASS": "mysite.cache.PausingPool",
            "CONNECTION_POOL_KWARGS": {"retry": Retry(NoBackoff(), 0)},
        },
    },
}
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True  # mysite/cache.py leaves those that say something new
if SITE.live_reload:
    # Whoever edits a template wants to see it, not the fragment that was rendered before.
    CACHES["template_fragments"] = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}

# --- Accounts --------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = static.AUTH_USER_MODEL  # the rest of it: mysite/settings_accounts.py
FORM_RENDERER = static.FORM_RENDERER

# --- Security: TLS ends at Nginx, which sets X-Forwarded-Proto and hands the Host header on with its port ------------

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = SITE.cookie_secure
CSRF_COOKIE_SECURE = SITE.cookie_secure
CSRF_COOKIE_HTTPONLY = True
# Forms sent to the very host that they came from always pass, under whatever port. This adds the case of another TLS
# proxy in front of Nginx.
CSRF_TRUSTED_ORIGINS = [SITE.public_url]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP: dict[str, list[str]] = {
    "default-src": [CSP.SELF],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
if SITE.media.origin:
    SECURE_CSP["img-src"] = [CSP.SELF, SITE.media.origin]

# --- REST and GraphQL: mysite/settings_interfaces.py -----------------------------------------------------------------

if SITE.live_reload:
    # GraphiQL's files, from the package that brought them: on a laptop alone, no image gathers them.
    INSTALLED_APPS = [*INSTALLED_APPS, "graphene_django_graphiql_static"]

# --- Language, time, logs --------------------------------------------------------------------------------------------

LANGUAGE_COOKIE_SECURE = SITE.cookie_secure
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = django_logging(config.service(), SITE.log_level)
LOGGING["loggers"]["psycopg.pool"] = {"level": "WARNING"}
