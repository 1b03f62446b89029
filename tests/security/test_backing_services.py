"""One application's passwords open nothing of another's in PostgreSQL, RabbitMQ and Redis.

The attacks are made of the contracts: they cover an application that is added, and name none. They run in the console's
container, which reaches all of these services, with the passwords of applications.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from contract import durable, rabbitmq, redis
from contract.environment import password
from contract.files import HOUSE, read
from contract.named import below
from tests.support import secrets
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.stack import Stack

CONTRACTS = read(ROOT)
OUTBOX = durable.outboxes(CONTRACTS)[durable.SHARED]
APART = durable.shared_vhosts(CONTRACTS)
#: Queue of durable tasks in the shared database -> its vhost.
QUEUES = {
    queue: next((vhost for vhost, queues in APART.items() if queue in queues), rabbitmq.SHARED)
    for verbs in OUTBOX.queues.values()
    for queue in verbs[durable.RUN] - {durable.ALL}
}


@pytest.fixture(scope="module")
def passwords(stack: Stack) -> dict[str, str]:
    """All secrets, by name."""
    return secrets.values(stack)


def attack(stack: Stack, program: str, **plan: object) -> Any:  # noqa: ANN401 - any JSON
    """Run an attack in the console's container, and return what it prints as JSON."""
    printed = stack.execute("console", "python", "-c", program, json.dumps(plan))
    return json.loads(printed.splitlines()[-1])


# ---- Redis ----

#: Runs commands as a user, and prints the answers to those that Redis did not refuse.
REDIS = """
import json, sys, redis
from redis.backoff import NoBackoff
from redis.retry import Retry
plan = json.loads(sys.argv[1])
def connected():
    login = {"username": plan["user"], "password": plan["password"]}
    return redis.Redis(plan["host"], socket_timeout=10, retry=Retry(NoBackoff(), 0), **login)
allowed = {}
for command in plan["commands"]:
    try:
        allowed[" ".join(command)] = repr(connected().execute_command(*command))
    except redis.exceptions.NoPermissionError:
        pass
    except redis.exceptions.RedisError as error:
        if not any(mark in str(error) for mark in plan["refusals"]):
            allowed[" ".join(command)] = f"{type(error).__name__}: {error}"
print(json.dumps(allowed))
"""
#: Redis' refusals, also inside a script, of commands that are off for all, and to a user that it does not have.
REFUSALS = (
    *("ACL failure", "NOPERM", "invalid username-password", "WRONGPASS"),
    *("command not allowed", "command is not allowed from script"),
)

#: Keys and a channel of nobody, and so of somebody else; the health check's key.
FOREIGN, CHANNEL = ("nobody:key", "health"), "nobody:channel"
HARMFUL: Sequence[Sequence[str]] = [
    *(["CONFIG", *rest] for rest in (["GET", "*"], ["SET", "dir", "/tmp"], ["REWRITE"], ["RESETSTAT"])),  # noqa: S108
    *(["ACL", *rest] for rest in (["LIST"], ["GETUSER", "operator"], ["SETUSER", "x", "on"], ["LOAD"], ["LOG"])),
    *(["CLIENT", *rest] for rest in (["LIST"], ["KILL", "TYPE", "normal"], ["PAUSE", "1"], ["UNPAUSE"])),
    *(["CLIENT", *rest] for rest in (["TRACKING", "ON", "BCAST"], ["NO-EVICT", "ON"])),
    *([word] for word in ("MONITOR", "FLUSHALL", "FLUSHDB", "SAVE", "BGSAVE", "BGREWRITEAOF", "RANDOMKEY", "DBSIZE")),
    *([word] for word in ("SYNC", "ROLE", "INFO", "FAILOVER", "LASTSAVE")),
    *(["DEBUG", *rest] for rest in (["SLEEP", "0"], ["OBJECT", "x"])),
    *([word, "nobody", "6379"] for word in ("REPLICAOF", "SLAVEOF")),
    ["PSYNC", "?", "-1"],
    ["KEYS", "*"],
    ["SCAN", "0"],
    ["SWAPDB", "0", "1"],
    ["MIGRATE", "nobody", "6379", "x", "0", "10"],
    ["MODULE", "LOAD", "/tmp/x.so"],  # noqa: S108
    ["SLOWLOG", "GET"],
    ["LATENCY", "LATEST"],
    ["MEMORY", "STATS"],
    ["CLUSTER", "RESET"],
    *(["FUNCTION", *rest] for rest in (["LIST"], ["FLUSH"], ["LOAD", "#!lua name=x"])),
    *(["SCRIPT", rest] for rest in ("FLUSH", "KILL")),
    *(["PUBSUB", rest] for rest in ("CHANNELS", "NUMPAT")),
    ["SUBSCRIBE", CHANNEL],
    ["PSUBSCRIBE", "*"],
    ["SSUBSCRIBE", CHANNEL],
    ["PUBLISH", CHANNEL, "x"],
    *(command for key in FOREIGN for command in (["GET", key], ["SET", key, "x"], ["DEL", key], ["EXPIRE", key, "1"])),
    *(["RESTORE", key, "0", "x"] for key in FOREIGN),
    *(["EVAL", f"return redis.call('GET', '{key}')", "0"] for key in FOREIGN),
    *(["EVAL", "return redis.call('DEL', KEYS[1])", "1", key] for key in FOREIGN),
    ["EVAL", "return redis.call('FLUSHALL')", "0"],
    ["EVAL", "return redis.call('CONFIG', 'GET', 'dir')", "0"],
    ["SORT", "nobody:list", "GET", "nobody:*"],
]


def redis_users() -> Iterator[Any]:
    """Yield each application's user with each server, and the commands that the server must refuse."""
    for file, name, entry in below(CONTRACTS, "redis", "users"):
        if file != HOUSE:
            granted = {command.upper() for command in entry.get("commands", ())}
            for server, service in redis.SERVERS.items():
                its_own = server in entry.get("servers", redis.SERVERS)
                harmful = [each for each in HARMFUL if each[0] not in granted] if its_own else [["PING"]]
                yield pytest.param(name, service, harmful, id=f"{name}-{server}")


@pytest.mark.parametrize(("user", "service", "harmful"), list(redis_users()))
def test_redis_refuses_an_application_what_concerns_others(
    stack: Stack, passwords: dict[str, str], user: str, service: str, harmful: Sequence[Sequence[str]]
) -> None:
    secret = passwords[password(service, user)]

    found = attack(stack, REDIS, host=service, user=user, password=secret, commands=harmful, refusals=REFUSALS)

    assert found == {}


# ---- RabbitMQ ----

#: Makes attempts in a vhost, and prints those that RabbitMQ did not refuse.
RABBITMQ = """
import json, sys
from amqp import Connection, Message
from amqp.exceptions import AccessRefused, NotAllowed
plan = json.loads(sys.argv[1])
def attempts(queue):
    declared = {"durable": True, "auto_delete": False}
    return {
        "consume": lambda to: to.basic_consume(queue),
        "get": lambda to: to.basic_get(queue),
        "purge": lambda to: to.queue_purge(queue),
        "delete": lambda to: to.queue_delete(queue),
        "bind": lambda to: to.queue_bind(queue, "amq.topic", routing_key="#"),
        "declare": lambda to: to.queue_declare(f"{queue}.more", **declared),
        "publish": lambda to: to.basic_publish(Message("{}"), routing_key=queue),
        "publish to the topic exchange": lambda to: to.basic_publish(Message("{}"), "amq.topic", queue),
        "delete dead letters": lambda to: to.queue_purge("dead-letters"),
        "bind delays": lambda to: to.exchange_bind("amq.topic", "celery_delayed_delivery", routing_key="#"),
    }
def enter():
    connection = Connection("rabbitmq:5672", plan["user"], plan["password"], virtual_host=plan["vhost"],
                            connect_timeout=10, read_timeout=10, confirm_publish=True)
    connection.connect()
    return connection
allowed = []
try:
    enter().close()
    entered = True
except (AccessRefused, NotAllowed, ConnectionError, OSError) as error:
    if "refused" not in str(error):
        raise
    entered = False
if entered and not plan["queues"]:
    allowed.append("enter")
for queue in plan["queues"] if entered else ():
    for name, attempt in attempts(queue).items():
        if name not in plan["granted"]:
            connection = enter()
            try:
                attempt(connection.channel())
                allowed.append(f"{name} {queue}")
            except AccessRefused:
                pass
            connection.collect()
print(json.dumps(allowed))
"""


def broker_users() -> Iterator[Any]:
    """Yield each application's user with each vhost that is not its own."""
    for file, name, entry in below(CONTRACTS, "broker", "users"):
        if file != HOUSE:
            for vhost in sorted({rabbitmq.SHARED, *(each for _, each, _ in below(CONTRACTS, "broker", "vhosts"))}):
                if vhost != entry.get("vhost", rabbitmq.SHARED):
                    yield pytest.param(name, vhost, id=f"{name}-{vhost}")


@pytest.mark.parametrize(("user", "vhost"), list(broker_users()))
def test_rabbitmq_lets_an_application_into_no_vhost_of_others(
    stack: Stack, passwords: dict[str, str], user: str, vhost: str
) -> None:
    secret = passwords[password("rabbitmq", user)]

    assert attack(stack, RABBITMQ, user=user, password=secret, vhost=vhost, queues=[], granted=[]) == []


#: What the house's users may do with an application's queue: attempts that are their very task.
OF_THE_HOUSE = {"flower": [], "console": [], "relay": ["publish"]}


@pytest.mark.parametrize(("queue", "vhost"), sorted(QUEUES.items()))
@pytest.mark.parametrize("user", list(OF_THE_HOUSE))
def test_rabbitmq_lets_the_house_do_nothing_with_a_queue_but_its_task(
    stack: Stack, passwords: dict[str, str], user: str, queue: str, vhost: str
) -> None:
    secret, granted = passwords[password("rabbitmq", user)], OF_THE_HOUSE[user]

    found = attack(stack, RABBITMQ, user=user, password=secret, vhost=vhost, queues=[queue], granted=granted)

    assert found == []


# ---- PostgreSQL ----

#: Tries as a role to see tasks that are not its own, and to write tasks for queues of others.
POSTGRESQL = """
import json, sys, psycopg
from psycopg.errors import InsufficientPrivilege
plan = json.loads(sys.argv[1])
allowed = []
with psycopg.connect(host="postgres", dbname=plan["database"], user=plan["role"], password=plan["password"],
                     autocommit=True) as connection:
    def attempt(name, statement, *values):
        try:
            with connection.transaction(force_rollback=True):
                found = connection.execute(statement, values)
                if not found.description or found.fetchone() != (0,):
                    allowed.append(name)
        except InsufficientPrivilege:
            pass
    for table in ("task", "stored_task"):
        attempt(f"see {table}", f"SELECT count(*) FROM outbox.{table} WHERE queue <> ALL (%s) "
                "AND id NOT IN (SELECT id FROM outbox.stored_task WHERE writer = current_user)", plan["seen"])
        for mode in ("ACCESS EXCLUSIVE", "SHARE"):
            attempt(f"lock {table}", f"LOCK TABLE outbox.{table} IN {mode} MODE")
        attempt(f"rename {table}", f"UPDATE outbox.{table} SET queue = queue")
        attempt(f"delete {table}", f"DELETE FROM outbox.{table}")
        for queue in plan["foreign"]:
            attempt(f"write {queue}", f"INSERT INTO outbox.{table} "
                    "(id, name, engine, queue, headers, properties, body, ordered) "
                    "VALUES (gen_random_uuid(), 'x', 'celery', %s, '{}', '{}', '[]', false)", queue)
    attempt("give itself access", "INSERT INTO outbox.access VALUES (current_user, 'run', '*')")
    attempt("open the wall", "ALTER TABLE outbox.stored_task DISABLE ROW LEVEL SECURITY")
print(json.dumps(allowed))
"""


def task_roles() -> Iterator[Any]:
    """Yield each role with durable tasks in the shared database that has not all of them."""
    for role, verbs in OUTBOX.queues.items():
        if durable.ALL not in verbs[durable.RUN]:
            yield pytest.param(role, verbs, id=role)


@pytest.mark.parametrize(("role", "verbs"), list(task_roles()))
def test_postgresql_shows_an_application_no_tasks_of_others_and_takes_none_for_them(
    stack: Stack, passwords: dict[str, str], role: str, verbs: dict[str, set[str]]
) -> None:
    foreign = {*QUEUES, "nobody.queue"} - verbs.get(durable.WRITE, set())

    found = attack(
        stack,
        POSTGRESQL,
        database="landfast",
        role=role,
        password=passwords[password("postgres", role)],
        seen=sorted(verbs[durable.RUN]),
        foreign=sorted(foreign),
    )

    assert found == []
