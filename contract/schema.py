"""The keys of a contract: the meaning of each, and the form of its value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Names of roles, schemas, users and secrets: they become parts of statements, addresses and file names.
NAME = r"(?!pg_|postgres$|template[01]$)[a-z_][a-z0-9_]{0,31}"
#: They have a role's name in them, and what it is for.
SECRET = r"[a-z_][a-z0-9_]{0,62}"  # noqa: S105 - the form of a name
FILE = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}"
HOST = r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*"
PATH = r"/([\w.~-]+/)*"
PAGE = r"/[\w.~/?=&%+-]*"
PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
PLACE = rf"[a-z0-9][a-z0-9-]*:{PORT}"
#: A host and its port; ``*`` stands for any host, or for any below a name.
ADDRESS = rf"smtp|(\*|(\*\.)?{HOST}):{PORT}"
FOLDER = r"/(srv|var/lib)(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+"
PATTERN = r"[A-Za-z0-9_./~*-]+"
PERMISSION = r"\^.*|\.\*|"
REDIS_USER = f"(?!default$){NAME}"
KEYS = r"[A-Za-z0-9_.:*?/{}@-]+"
PROTOCOL = "http|uwsgi"
#: Nginx and shells count in 64 bits: these forms end far below.
SIZE = r"\d{1,12}|\d{1,6}[kmg]"
TIME = r"(?=\d*[1-9])\d{1,6}[smh]"
EVERY = r"(?=\d)(\d{1,6}h)?(\d{1,6}m)?(\d{1,6}s)?|[\d*,/-]+( [\d*,/-]+){4}"
STATUS = r"[2-5]\d\d"
LENGTH = r"[1-9]\d{0,3}"
#: The forms in words, for messages; any other is shown as it is.
WORDS = {
    NAME: "a-z, 0-9 and _, not beginning with a digit, at most 32, and no name of PostgreSQL's own",
    SECRET: "a-z, 0-9 and _, not beginning with a digit, at most 63",
    FILE: "letters, digits, _ . and -, beginning with none of the last two",
    HOST: "a host name in small letters",
    PATH: "a path from slash to slash, of ASCII letters, digits, _ . ~ and -",
    PAGE: "an address without the host name, from the slash on; what is not ASCII stands as %C3%BC in it",
    PLACE: "a service and its port, from 1 to 65535: NAME:PORT",
    ADDRESS: "smtp, or an address outside and its port: HOST:PORT, *.example.org:443 or *:443",
    FOLDER: "a folder below /var/lib/ or /srv/, without a slash at its end, and with no part that begins with a dot",
    PATTERN: "letters, digits, _ . / ~ and -, with * for any text",
    PERMISSION: "a pattern from its beginning on (^...), .* or nothing",
    REDIS_USER: "a-z, 0-9 and _, not beginning with a digit, at most 63, and not default",
    KEYS: "letters, digits, _ . : / { } @ and -, with * for any text and ? for a letter",
    PROTOCOL: "http, which ASGI servers speak, too (WebSockets: websocket: true), or uwsgi",
    SIZE: "a number of bytes, or one with k, m or g, of twelve digits at most, and of six",
    TIME: "a number with s, m or h, above zero and of six digits at most",
    STATUS: "a status from 200 to 599",
    LENGTH: "a number from 1 to 9999",
    EVERY: "hours, minutes and seconds like 1h30m, or cron's five fields, in numbers of six digits at most: 15 3 * * *",
}


@dataclass(frozen=True)
class Key:
    """One key, or a value without keys.

    Args:
        means: what it is for, in a line.
        form: the form of a text, of a number or of each item of a list, as a regular expression; of ASCII alone.
        kind: ``text``, ``list`` (of texts), ``number``, ``switch``, or ``keys``.
        keys: the keys that it may have.
        each: what every key of any name has; ``form`` is the form of these names then.
    """

    means: str
    form: str = ".*"
    kind: str = "keys"
    keys: Mapping[str, Key] = field(default_factory=dict)
    each: Key | None = None


SECRETS = Key(
    "secrets of the application's own",
    form=SECRET,
    each=Key(
        "how it comes about; without a word it is random",
        keys={
            "length": Key("characters of a random one; 32 without it", LENGTH, "number"),
            "optional": Key("it is there once somebody has set it", kind="switch"),
            "make": Key("`certificate`: made with the local certificate authority", "certificate", "text"),
        },
    ),
)

DATABASE = Key(
    "what it needs of PostgreSQL",
    keys={
        "schemas": Key(
            "schemas in the shared database, by their names",
            form=NAME,
            each=Key(
                "who has it",
                keys={
                    "owner": Key("the role that owns it and runs migrations; NAME_owner without it", NAME, "text"),
                    "user": Key("the role that uses it; NAME without it, none if it is empty", f"({NAME})?", "text"),
                },
            ),
        ),
        "databases": Key(
            "databases of its own, by their names",
            form=NAME,
            each=Key(
                "who has it",
                keys={
                    "owner": Key("the role that owns it, migrates it and uses it; NAME without it", NAME, "text"),
                    "extensions": Key("extensions of PostgreSQL that are created in it", r"[a-z][a-z0-9_-]*", "list"),
                },
            ),
        ),
        "roles": Key(
            "further roles that may log in, by their names",
            form=NAME,
            each=Key("what such a role may", keys={"member_of": Key("roles whose rights it has", NAME, "list")}),
        ),
    },
)

BROKER = Key(
    "what it needs of RabbitMQ",
    keys={
        "vhosts": Key(
            "virtual hosts of its own, by their names",
            form=NAME,
            each=Key(
                "how its queues are kept",
                keys={"queue_type": Key("of a queue that does not say; quorum without it", "quorum|classic", "text")},
            ),
        ),
        "users": Key(
            "its users, by their names; each has its password in a secret",
            form=NAME,
            each=Key(
                "what the user may, as patterns of names. https://www.rabbitmq.com/docs/access-control",
                keys={
                    "vhost": Key("where; in that of durable tasks without it", NAME, "text"),
                    "configure": Key(
                        "what it may declare and delete; all in a vhost of its own",
                        PERMISSION,
                        "text",
                    ),
                    "write": Key("those that it may publish or bind to; as above", PERMISSION, "text"),
                    "read": Key("those that it may consume or bind from; as above", PERMISSION, "text"),
                    "tags": Key("what it may of the management pages", "administrator|monitoring|management", "list"),
                },
            ),
        ),
    },
)

REDIS = Key(
    "what it needs of Redis",
    keys={
        "users": Key(
            "its users, by their names; each has its password in a secret",
            form=REDIS_USER,
            each=Key(
                "what the user may; without a word it has the keys `NAME:*`",
                keys={
                    "servers": Key(
                        "`state` keeps what it has, `cache` forgets the least used; both without it",
                        "state|cache",
                        "list",
                    ),
                    "keys": Key("patterns of the keys that it reads and writes; `NAME:*` without it", KEYS, "list"),
                    "reads": Key("patterns of the keys that it only reads; none without it", KEYS, "list"),
                    "channels": Key(
                        "patterns of the channels that it publishes and listens to; `NAME:*` without it", KEYS, "list"
                    ),
                    "commands": Key(
                        "those that tell of other users' keys, too: `info`, `keys`, `scan`; `@all` is for operators",
                        "info|keys|scan|@all",
                        "list",
                    ),
                },
            ),
        ),
    },
)

HTTP = Key(
    "where it answers",
    keys={
        "hosts": Key("host names of its own; without them it answers at the stack's own address", HOST, "list"),
        "locations": Key(
            "paths that it answers below; `nginx.extra` beside the contract has what is said in Nginx's own words",
            form=PATH,
            each=Key(
                "who answers there",
                keys={
                    "service": Key("a service of this file and its port, `NAME:PORT`", PLACE, "text"),
                    "protocol": Key("`http` or `uwsgi`; http without it", PROTOCOL, "text"),
                    "largest_body": Key("how much a request may carry, like 12m; 2m without it", SIZE, "text"),
                    "timeout": Key("how long it may take over an answer, like 5m; 60s without it", TIME, "text"),
                    "websocket": Key("connections may become WebSockets", kind="switch"),
                    "fresh": Key(
                        "for so long (1s, 5m) an answer is shown to all who bring neither cookies nor a login; the "
                        "next one is fetched while it is shown",
                        TIME,
                        "text",
                    ),
                    "static": Key(
                        "they are files of the application's own: Nginx keeps what the service answers for a week, "
                        "and browsers keep names with a hash",
                        kind="switch",
                    ),
                    "files": Key(
                        "a folder that the application mounts into Nginx, such as /var/lib/NAME; a file that is not "
                        "there is asked of the service, if there is one. All but pictures is sent as mere bytes, "
                        "unless it is `static`",
                        FOLDER,
                        "text",
                    ),
                    "internal": Key(
                        "visitors get a file in `files` only if the application answers with `X-Accel-Redirect` and "
                        "its path; for an application with `hosts`",
                        kind="switch",
                    ),
                    "immutable": Key(
                        "a name in `files` never gets other content: browsers keep it for a year", kind="switch"
                    ),
                    "deny": Key(
                        "patterns of paths below it that nobody gets, like `private/*` or `*.sql`", PATTERN, "list"
                    ),
                    "errors": Key("Nginx's own answers: `page`, or `problem` (RFC 9457)", "page|problem", "text"),
                    "security_headers": Key("Nginx adds those that the service does not set itself", kind="switch"),
                },
            ),
        ),
        "smoke": Key(
            "pages that are asked for after each start and deploy, at the host name of `{public_url}`; a deploy with a "
            "wrong answer is rolled back",
            PAGE,
            each=Key(
                "the right answer",
                keys={
                    "status": Key("its status; 200 without it", STATUS, "number"),
                    "contains": Key("text that is in it", kind="text"),
                },
            ),
        ),
        "programs": Key("paths under which a request that is refused at once gets a problem document", PATH, "list"),
    },
)

READINESS = Key(
    "what `/readyz` reports of it, by the names in the report",
    form=r"[a-z0-9][a-z0-9-]*",
    each=Key(
        "a page that has to answer, or a queue that somebody has to consume",
        keys={
            "service": Key("whose page, as in `http`: `NAME:PORT`", PLACE, "text"),
            "protocol": Key("of the service: `http` or `uwsgi`; http without it", PROTOCOL, "text"),
            "path": Key("the page; / without it. What answers below 400 serves", PAGE, "text"),
            "queue": Key("the queue", r"[\w.-]+", "text"),
            "vhost": Key("where the queue is; in that of durable tasks without it", NAME, "text"),
        },
    ),
)

#: What roles do with durable tasks; their rights follow from it (``libs/outbox``, ``rights.py``).
PARTS = {
    "writers": "roles whose transactions write tasks, and read what became of them",
    "workers": "roles whose transactions complete tasks; they may write some, too",
    "operators": "roles of people's tools: they look, re-drive dead letters and give tasks up",
    "relays": "roles that publish tasks and tidy up: the house's own",
}

DURABLE_TASKS = Key(
    "which database roles have a part in durable tasks, and where",
    keys={
        "database": Key("the database of its own that has them; the shared one without it", NAME, "text"),
        "vhost": Key("the vhost of its own that they are published in; its only one without it", NAME, "text"),
        **{part: Key(means, NAME, "list") for part, means in PARTS.items()},
    },
)

EGRESS = Key(
    "addresses outside that its services call, like `api.example.org:443`; `smtp` is the mail server. Services in "
    "the network `egress` need it",
    ADDRESS,
    "list",
)

BACKUP = Key(
    "what is backed up of it: its databases and schemas, and the volumes that its file names",
    keys={"without": Key("volumes that are left out: caches, and what can be made again", r"[\w.-]+", "list")},
)

METRICS = Key(
    "pages with metrics in the form of Prometheus, by the names of what they are of",
    form=r"[a-z0-9][a-z0-9-]*",
    each=Key(
        "who is asked",
        keys={
            "service": Key("a service of this file and its port, `NAME:PORT`", PLACE, "text"),
            "path": Key("the page; /metrics without it", PAGE, "text"),
        },
    ),
)

APPLICATION = Key(
    "what Compose has no words for",
    keys={
        "http": HTTP,
        "readiness": READINESS,
        "secrets": SECRETS,
        "database": DATABASE,
        "broker": BROKER,
        "redis": REDIS,
        "durable_tasks": DURABLE_TASKS,
        "egress": EGRESS,
        "backup": BACKUP,
        "metrics": METRICS,
    },
)

#: Of a service, beside Compose's own keys.
SERVICE = {
    "x-secrets": Key("name in /run/secrets: the secret", form=FILE, each=Key("the secret", SECRET, "text")),
    "x-environment": Key(
        "variables that are filled in inside the container: `sh /run/secrets/with-environment COMMAND...` runs with "
        "them",
        form=r"[A-Za-z_]\w*",
        each=Key(
            "with `{database.url}`, `{secret.NAME}` and other placeholders in it: see below",
            kind="text",
        ),
    ),
    "x-every": Key(
        "when its command runs, with the template `periodic`: `30m` (at the start, then every 30 minutes), or by UTC "
        "in cron's five fields, `15 3 * * *`",
        EVERY,
        "text",
    ),
}
