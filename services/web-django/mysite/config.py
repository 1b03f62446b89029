"""All settings that web-django reads from its environment, typed and validated once.

There are two dataclasses for two kinds of process: every process needs :class:`Site`; only the release step may read
the administrator's password. A page that sends a task needs no broker: the task is a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

from landfast_runtime.addresses import is_host, web_address
from landfast_runtime.connections import Postgres, Redis
from landfast_runtime.env import Env, load

from mysite.media import MediaStorage

SERVICE = "web-django"

#: The host name of the container's own health check, beside the public names.
LOOPBACK = "127.0.0.1"

#: The names of loopback. Only a site with such a name shows tracebacks with their variables.
OWN_NAMES = ("localhost", LOOPBACK, "::1")

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True)
class Site:
    """The settings of every command.

    ``threads`` is also the size of a process's database pool, so that no thread waits for another thread's connection.
    """

    secret_key: str = field(repr=False)
    public_url: str
    allowed_hosts: tuple[str, ...]
    cookie_secure: bool
    live_reload: bool
    debug_pages: bool
    log_level: str
    workers: int
    threads: int
    growth: int
    letters: int
    postgres: Postgres
    cache: Redis
    media: MediaStorage

    @classmethod
    def from_env(cls, env: Env) -> Site:
        """Read the site's variables and secrets.

        Raises:
            ConfigError: one is missing or invalid.
        """
        public_url = _public_url(env)
        return cls(
            secret_key=env.secret("django_secret_key", minimum_length=32),
            public_url=public_url,
            allowed_hosts=_allowed_hosts(env, public_url),
            cookie_secure=env.boolean("COOKIE_SECURE", default=True),
            live_reload=env.boolean("LIVE_RELOAD", default=False),
            debug_pages=env.boolean("DEBUG_PAGES", default=False) and urlsplit(public_url).hostname in OWN_NAMES,
            log_level=env.text("LOG_LEVEL", default="INFO", choices=LOG_LEVELS),
            workers=env.integer("WEB_WORKERS", default=2, minimum=1, maximum=64),
            threads=env.integer("WEB_THREADS", default=4, minimum=1, maximum=64),
            growth=env.integer("WEB_GROWTH_MB", default=0, minimum=0, maximum=1_000_000),
            letters=env.integer("LETTERS_PER_HOUR", default=20, minimum=1, maximum=1_000_000),
            postgres=Postgres.from_env(env),
            cache=Redis.cache_from_env(env),
            media=MediaStorage.from_env(env),
        )


@dataclass(frozen=True)
class Administrator:
    """The first user who may enter the admin; made once, at the first release."""

    username: str
    email: str
    password: str = field(repr=False)

    @classmethod
    def from_env(cls, env: Env) -> Administrator:
        """Read ``ADMIN_USER``, ``ADMIN_EMAIL`` and the secret ``admin_password``.

        Raises:
            ConfigError: one is missing or invalid.
        """
        email = env.text("ADMIN_EMAIL", default="admin@localhost")
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
            env.refuse("ADMIN_EMAIL", f"is {email!r}, must be an address such as admin@example.org", instead=email)
        return cls(
            username=env.text("ADMIN_USER", default="admin"),
            email=email,
            password=env.secret("admin_password"),
        )


@cache
def service() -> str:
    """Return what log lines call this process by: a one-shot with the site's code has a name of its own."""
    return Env().text("SERVICE_NAME", default=SERVICE)


@cache
def site() -> Site:
    """Return the site's configuration, or stop the process with a line for each thing that is wrong."""
    return load(SERVICE, Site.from_env)


@cache
def administrator() -> Administrator:
    """Return the administrator to make, or stop the process with a line for each thing that is wrong."""
    return load(SERVICE, Administrator.from_env)


def _public_url(env: Env) -> str:
    """Read ``PUBLIC_URL``; links in mails begin with it, so nothing may stand behind the host and port."""
    value = env.text("PUBLIC_URL", default="http://localhost:8080").rstrip("/")
    like = "must be like https://www.example.org, without a path"
    try:
        path = web_address(value).path
    except ValueError as error:
        return env.refuse("PUBLIC_URL", f"is {value!r} ({error}), {like}", instead="http://localhost")
    if path:
        return env.refuse("PUBLIC_URL", f"is {value!r}, {like}", instead="http://localhost")
    return value


def _allowed_hosts(env: Env, public_url: str) -> tuple[str, ...]:
    """Read ``ALLOWED_HOSTS`` and add the public host and the container's own loopback name."""
    given = env.words("ALLOWED_HOSTS", default=f"localhost,{LOOPBACK},[::1]")
    for host in given:
        if host != "*" and not is_host(host.removeprefix(".")):  # a dot: all names below this one, too
            problem = f"holds {host!r}, must be host names without scheme, port or path"
            return env.refuse("ALLOWED_HOSTS", problem, instead=())
    public = urlsplit(public_url).hostname or ""
    bracketed = f"[{public}]" if ":" in public else public
    return tuple(dict.fromkeys((*given, bracketed, LOOPBACK)))
