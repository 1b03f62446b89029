"""The keys of a contract: the meaning of each, and the form of its value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Names of roles, schemas, users and secrets: they become parts of SQL statements, addresses and file names.
NAME = r"(?!pg_|postgres$|template[01]$)[a-z_][a-z0-9_]{0,31}"
#: A secret's name may contain a role's name and a purpose.
SECRET = r"[a-z_][a-z0-9_]{0,62}"  # noqa: S105 - the form of a name
FILE = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}"
LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
HOST = rf"{LABEL}(\.{LABEL})*"
#: A host name of an application. The stack itself has localhost and all addresses; Nginx's table takes 110 characters.
SITE = rf"(?=.{{1,100}}\Z)(?!localhost\Z)(?![\d.]+\Z){HOST}"
PATH = r"/([\w.~-]+/)*"
PAGE = r"/[\w.~/?=&%+-]*"
PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
PLACE = rf"[a-z0-9][a-z0-9-]*:{PORT}"
#: An external address: ``any`` stands for every public one, ``${NAME:-}`` for the one in a setting.
ADDRESS = rf"smtp|((?!smtp:){HOST}|(\d{{1,3}}\.){{3}}\d{{1,3}}/\d{{1,2}})(:{PORT})?|\$\{{[A-Z][A-Z0-9_]*:-\}}"
FOLDER = r"/(srv|var/lib)(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+"
PATTERN = r"[A-Za-z0-9_./~*-]+"
LANGUAGE = r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*"
COOKIE = r"[A-Za-z0-9_.-]{1,64}"
PERMISSION = r"\^.*|\.\*|"
REDIS_USER = f"(?!default$){NAME}"
KEYS = r"[A-Za-z0-9_.:*?/{}@-]+"
PROTOCOLS = ("http", "uwsgi")
PROTOCOL = "|".join(PROTOCOLS)
#: Nginx and shells calculate with 64 bits: these forms end far below.
SIZE = r"\d{1,12}|\d{1,6}[kmg]"
TIME = r"(?=\d*[1-9])\d{1,6}[smh]"
EVERY = r"(?=\d)(\d{1,6}h)?(\d{1,6}m)?(\d{1,6}s)?|[\d*,/-]+( [\d*,/-]+){4}"
STATUS = r"[2-5]\d\d"
LENGTH = r"[1-9]\d{0,3}"
EXTENSION = r"[a-z][a-z0-9_-]*"
SUBJECT = r"[a-z0-9][a-z0-9-]*"
QUEUE = r"[\w.-]+"
VOLUME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
VARIABLE = r"[A-Za-z_]\w*"
OPTIONAL_NAME = f"({NAME})?"
ANY = ".*"
#: A number, or the variable that has it.
FACTOR = r"([1-9]\d{0,3}|\$\{[A-Z][A-Z0-9_]*:-[1-9]\d{0,3}\})"
SESSIONS = rf"{FACTOR}( \* {FACTOR})*"
RATE = r"[1-9]\d{0,4}/[sm]"
#: Each form in words, for messages. Those of a choice are its values, unless they stand here.
WORDS = {
    NAME: "a-z, 0-9 and _, not beginning with a digit, at most 32 characters, and not reserved by PostgreSQL: web_shop",
    OPTIONAL_NAME: "empty, or a-z, 0-9 and _, not beginning with a digit, and at most 32 characters: web_shop",
    SECRET: "a-z, 0-9 and _, not beginning with a digit, at most 63 characters: shop_secret_key",
    FILE: "letters, digits, _ . and -, beginning with a letter, a digit or _: api.key",
    SITE: "a host name in lower case, of at most 100 characters, neither localhost nor an address: shop.example.org",
    PATH: "a path that begins and ends with a slash, of ASCII letters, digits, _ . ~ and -: /api/",
    PAGE: "an address without the host name, from the first slash on, such as /api/?page=1; characters outside ASCII "
    "are encoded: %C3%BC",
    PLACE: "a service and its port, from 1 to 65535: NAME:PORT, such as shop:8000",
    ADDRESS: "smtp, a host or an IPv4 address or network, with a port or without (api.example.org:443, 192.0.2.0/24), "
    "any or any:443 for every public address, or ${NAME:-} for the address in a setting. A firewall knows addresses: "
    "in place of *.example.org:443 name each host, its network, or any:443",
    FOLDER: "a folder below /var/lib/ or /srv/, without a slash at its end, and without a part that begins with a dot: "
    "/var/lib/shop",
    PATTERN: "letters, digits, _ . / ~ and -, with * for any text: private/*",
    LANGUAGE: "a language like en or pt-br",
    COOKIE: "a cookie's name of letters, digits, _ . and -: django_language",
    PERMISSION: "a regular expression that begins with ^, such as ^shop$; or .*, or an empty string",
    REDIS_USER: "a-z, 0-9 and _, not beginning with a digit, at most 32 characters, and not default: web_shop",
    KEYS: "letters, digits, _ . : / { } @ and -, with * for any text and ? for one character: shop:*",
    PROTOCOL: "http (also for ASGI servers; with WebSockets: websocket: true) or uwsgi",
    SIZE: "a number of bytes with at most twelve digits, or a number with at most six digits and k, m or g: 12m",
    TIME: "a number with s, m or h, above zero and with at most six digits: 90s",
    STATUS: "a status from 200 to 599: 404",
    LENGTH: "a number from 1 to 9999: 64",
    RATE: "a number from 1 to 99999 with /s or /m: 20/s",
    EVERY: "a time like 1h30m, of at most six digits each, or the five fields of cron in numbers: 15 3 * * *",
    SESSIONS: "a number from 1 to 9999, a variable with such a default, or several of them with * between: "
    "${WORKERS:-2} * ${THREADS:-4}",
    EXTENSION: "the name of an extension, of a-z, 0-9, _ and -, beginning with a letter: pg_trgm",
    SUBJECT: "a-z, 0-9 and -, beginning with a letter or a digit: shop-worker",
    QUEUE: "letters, digits, _ . and -: shop.mail",
    VOLUME: "letters, digits, _ . and -, beginning with a letter or a digit: thumbnails",
    VARIABLE: "letters, digits and _, not beginning with a digit: DATABASE_URL",
}


@dataclass(frozen=True)
class Key:
    """A key, or a value without keys.

    Args:
        means: its meaning, in one line.
        form: the form of a string, of a number, or of each item of a list, as a regular expression for ASCII.
        kind: ``string``, ``list`` (of strings), ``number``, ``boolean``, or ``keys``.
        values: the only valid values, if they are few; ``form`` matches them.
        keys: the keys below it, by name.
        each: the value below every key, if the names of the keys are free; ``form`` is the form of these names then.
    """

    means: str
    form: str = ANY
    kind: str = "keys"
    values: Sequence[str] = ()
    keys: Mapping[str, Key] = field(default_factory=dict)
    each: Key | None = None


def text(means: str, form: str = ANY) -> Key:
    """Return a key for a string."""
    return Key(means, form, "string")


def texts(means: str, form: str) -> Key:
    """Return a key for a list of strings."""
    return Key(means, form, "list")


def choice(means: str, *values: str) -> Key:
    """Return a key for one of a few strings."""
    return Key(means, "|".join(values), "string", values)


def choices(means: str, *values: str) -> Key:
    """Return a key for a list of some of a few strings."""
    return Key(means, "|".join(values), "list", values)


def number(means: str, form: str) -> Key:
    """Return a key for a whole number."""
    return Key(means, form, "number")


def flag(means: str) -> Key:
    """Return a key for true or false."""
    return Key(means, kind="boolean")


def group(means: str, **keys: Key) -> Key:
    """Return a key with certain keys below it."""
    return Key(means, keys=keys)


def named(means: str, form: str, each: Key) -> Key:
    """Return a key with keys of any name below it; ``form`` is the form of the names."""
    return Key(means, form, each=each)


SECRETS = named(
    "secrets of the application",
    SECRET,
    group(
        "the origin of the secret; by default it is random",
        length=number("the number of random characters; by default 32", LENGTH),
        optional=flag("whether the secret exists only after an operator has set it"),
        make=choice("`certificate`: made with the local certificate authority", "certificate"),
    ),
)

DATABASE = group(
    "its needs of PostgreSQL: schemas, databases, roles",
    schemas=named(
        "schemas in the shared database, by name",
        NAME,
        group(
            "the roles of the schema",
            owner=text("the role that owns it and runs migrations; by default NAME_owner", NAME),
            user=text("the role that uses it; by default NAME; none if empty", OPTIONAL_NAME),
        ),
    ),
    databases=named(
        "databases of the application alone, by name",
        NAME,
        group(
            "the role and the extensions of the database",
            owner=text("the role that owns, migrates and uses it; by default NAME", NAME),
            extensions=texts("extensions of PostgreSQL to create in it", EXTENSION),
        ),
    ),
    roles=named(
        "additional roles that may log in, by name",
        NAME,
        group("the memberships of the role", member_of=texts("roles whose rights it has", NAME)),
    ),
)

BROKER = group(
    "its needs of RabbitMQ: virtual hosts, users",
    vhosts=named(
        "virtual hosts of the application alone, by name",
        NAME,
        group(
            "the queues of the virtual host",
            queue_type=choice(
                "the type of a queue that is declared without one; by default quorum. Queues with priorities, and "
                "Celery's workers with default settings, need classic",
                "quorum",
                "classic",
            ),
        ),
    ),
    users=named(
        "users, by name; each has its password in a secret",
        NAME,
        group(
            "the permissions of the user, as patterns of names. https://www.rabbitmq.com/docs/access-control",
            vhost=text("its virtual host; by default that of durable tasks", NAME),
            configure=text(
                "names that it may declare and delete; by default all in a virtual host of the application, none in "
                "that of durable tasks",
                PERMISSION,
            ),
            write=text("names that it may publish or bind to; same default", PERMISSION),
            read=text("names that it may consume or bind from; same default", PERMISSION),
            tags=choices("its rights on the management pages", "administrator", "monitoring", "management"),
        ),
    ),
)

REDIS = group(
    "its needs of Redis: users",
    users=named(
        "users, by name; each has its password in a secret",
        REDIS_USER,
        group(
            "the permissions of the user; by default the keys `NAME:*`",
            servers=choices(
                "its servers: `state` keeps all data, `cache` evicts the least recently used; by default both",
                "state",
                "cache",
            ),
            keys=texts("patterns of keys that it reads and writes; by default `NAME:*`", KEYS),
            reads=texts("patterns of keys that it only reads; by default none", KEYS),
            channels=texts("patterns of channels that it publishes and subscribes to; by default `NAME:*`", KEYS),
            commands=choices(
                "commands that also show other users' keys: `info`, `keys`, `scan`; `@all` is for operators",
                *("info", "keys", "scan", "@all"),
            ),
        ),
    ),
)

HTTP = group(
    "its addresses",
    hosts=texts("its own host names; without them it answers at the stack's own address", SITE),
    locations=named(
        "its path prefixes; `nginx.extra` next to the contract may contain directives of Nginx",
        PATH,
        group(
            "the answers below the prefix",
            service=text("a service of this file and its port, `NAME:PORT`", PLACE),
            protocol=choice("`http` or `uwsgi`; by default http. uWSGI is safe with http only: see below", *PROTOCOLS),
            largest_body=text("the largest body of a request, like 12m; by default 2m", SIZE),
            timeout=text("the time limit of an answer, like 5m; by default 60s, with `websocket` 1h", TIME),
            websocket=flag("whether connections may become WebSockets"),
            fresh=text(
                "Nginx caches an answer for this time (1s, 5m), for visitors without cookies and login, and sends the "
                "old one while it requests the next",
                TIME,
            ),
            cache=flag(
                "whether Nginx keeps pages that say `Cache-Control: public` and sends them to all visitors without a "
                "session, for as long as `s-maxage` says, else for one second; it renews them by itself"
            ),
            languages=texts(
                "with `cache`, the languages of these pages, the default one first, if one address has several: Nginx "
                "chooses like Django, and keeps a page for each",
                LANGUAGE,
            ),
            language_cookie=text("with `languages`, the cookie that chooses one, such as django_language", COOKIE),
            static=flag(
                "whether these are the application's static files: Nginx caches the service's answers for a week, and "
                "browsers cache names with a hash"
            ),
            files=text(
                "a folder that the application mounts into Nginx, such as /var/lib/NAME; a missing file is requested "
                "from the service, if there is one. All files but pictures are sent as bytes, unless `static` is set",
                FOLDER,
            ),
            internal=flag(
                "whether a file in `files` is sent only if the application answers with `X-Accel-Redirect` and its "
                "path; requires `hosts`"
            ),
            immutable=flag("whether the content of a name in `files` never changes: browsers cache it for a year"),
            deny=texts("patterns of paths below the prefix that get a 404, like `private/*` or `*.sql`", PATTERN),
            errors=choice(
                "the form of Nginx's own answers: `page`, or `problem` (RFC 9457); by default page", "page", "problem"
            ),
            uploads=group(
                "bodies of POST, PUT and PATCH that are forwarded as they arrive, instead of when they are complete; "
                "other requests have no body there, and all need a Content-Length",
                service=text("the service that takes them, with the same protocol; by default that above", PLACE),
                largest_body=text("the largest body, like 200m", SIZE),
                timeout=text("the time limit of an answer, longer than the longest upload, like 16m", TIME),
                at_once=number("the most of one address at the same time; more get a 429; by default 2", LENGTH),
                permission=text(
                    "a page of the service above, which Nginx requests first, with the same headers: 2xx permits the "
                    "upload; with 401 or 403 the sender is refused before a byte of the body is read",
                    PAGE,
                ),
            ),
            security_headers=flag(
                "which security headers Nginx adds if the service did not send them: by default those that break no "
                "page; true: the strictest, for programs and for services with a policy of their own; false: none"
            ),
            writes=group(
                "the most requests with another method than GET, HEAD or OPTIONS that one visitor may send here, in "
                "place of the usual limit; more get a 429",
                rate=text("how many a second or a minute: `20/s`, `5/m`", RATE),
                burst=number("how many more at once; by default none", LENGTH),
            ),
            connections=number(
                "the most requests of one visitor at the same time, in place of the usual limit; a WebSocket counts "
                "while it is open",
                LENGTH,
            ),
        ),
    ),
    smoke=named(
        "pages that are requested after each start and deploy, at the host name of `{public_url}`; a wrong answer "
        "rolls a deploy back",
        PAGE,
        group(
            "the expected answer",
            status=number("its status; by default 200", STATUS),
            contains=text("text in its body"),
        ),
    ),
    programs=texts(
        "path prefixes for programs: a request that Nginx itself refuses gets a problem document there", PATH
    ),
)

READINESS = named(
    "its entries in the report of `/readyz`, by name",
    SUBJECT,
    group(
        "a page that must answer, or a queue that must have a consumer",
        service=text("the service of the page and its port, as in `http`: `NAME:PORT`", PLACE),
        protocol=choice("the protocol of the service: `http` or `uwsgi`; by default http", *PROTOCOLS),
        path=text("the page; by default /. It is ready if its status is below 400", PAGE),
        queue=text("the queue", QUEUE),
        vhost=text("the virtual host of the queue; by default that of durable tasks", NAME),
    ),
)

#: The parts of roles in durable tasks; their rights are derived from these (``libs/outbox``, ``rights.py``).
PARTS = {
    "writers": "roles whose transactions write tasks, and which read the tasks' outcome",
    "workers": "roles whose transactions complete tasks, and may write some",
    "operators": "roles of operators' tools, which list tasks, re-drive dead letters and give tasks up",
    "relays": "roles that publish tasks and remove old ones: only those of the house",
}

DURABLE_TASKS = group(
    "the database roles with a part in durable tasks, and the database and virtual host of the tasks",
    database=text("the application's own database with the tasks; by default the shared one", NAME),
    vhost=text(
        "the application's own virtual host in which its queues are; by default its only one, or else that of the "
        "house",
        NAME,
    ),
    queues=texts(
        "in the shared database, the queues whose tasks its workers run: no other application's roles see or change "
        "these, or write any unless its `sends` has the queue; by default the workers' names",
        QUEUE,
    ),
    sends=texts("in the shared database, queues of other applications for which its roles may write tasks, too", QUEUE),
    **{part: texts(means, NAME) for part, means in PARTS.items()},
)

EGRESS = texts(
    "external addresses to which its services connect; a server's firewall refuses all others. `smtp` is the mail "
    "server; other forms are below. Services in a network that is not `internal` require it",
    ADDRESS,
)

BACKUP = group(
    "its backup: its databases and schemas, and the volumes in its file",
    without=texts("volumes to leave out: caches, and data that can be made again", VOLUME),
)

METRICS = named(
    "pages with metrics in Prometheus' format, by the name of their subject",
    SUBJECT,
    group(
        "the page",
        service=text("a service of this file and its port, `NAME:PORT`", PLACE),
        path=text("the page; by default /metrics", PAGE),
    ),
)

APPLICATION = group(
    "the needs of an application for which Compose has no keys",
    http=HTTP,
    readiness=READINESS,
    secrets=SECRETS,
    database=DATABASE,
    broker=BROKER,
    redis=REDIS,
    durable_tasks=DURABLE_TASKS,
    egress=EGRESS,
    backup=BACKUP,
    metrics=METRICS,
)

#: Keys of a service, in addition to Compose's own.
SERVICE = {
    "x-secrets": named("secrets of the service, by their file names in /run/secrets", FILE, text("the secret", SECRET)),
    "x-environment": named(
        "variables that are filled in inside the container: `sh /run/secrets/with-environment COMMAND...` sets them "
        "and runs the command",
        VARIABLE,
        text("the value; it may contain `{database.url}`, `{secret.NAME}` and other placeholders: see below"),
    ),
    "x-every": text(
        "the timetable of its command, with the template `periodic`: `30m` (at the start, then every 30 minutes), or "
        "the five fields of cron in UTC, `15 3 * * *`",
        EVERY,
    ),
    "x-sessions": text(
        "the most sessions of PostgreSQL that one container of the service opens: `8`, or factors such as "
        "`${WORKERS:-2} * ${THREADS:-4}`. Without it, a service with a login of PostgreSQL counts 10. A deploy is "
        "refused if PostgreSQL could not accept all of them",
        SESSIONS,
    ),
}

#: Keys of a service in ``compose.servers.yaml``, which ``cli/servers`` reads.
SERVERS = {
    "x-pending": text(
        "in `compose.servers.yaml`: the command of a one-shot that lists its pending migrations, as a list of words; a "
        "deploy runs it before the one-shot's own command"
    ),
    "x-trial": text(
        "in `compose.servers.yaml`: the command that checks the service's new configuration, as a list of words; a "
        "deploy runs it in a container like the service's own, before it changes anything"
    ),
    "x-rollout": text(
        "in `compose.servers.yaml`: the stage of the service in a rollout: `data`, `once`, `visited`, `others` or "
        "`edge`; templates set it"
    ),
}
