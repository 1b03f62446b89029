"""The deliberate breaks, one promise at a time, and the tests that must notice.

Mutations that do not disturb each other share a run: a stack takes longer to start than all of their tests to run.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One change that breaks a promise.

    Args:
        promise: what is broken, in a few words.
        file: the changed file.
        old: a text that stands there once.
        new: what takes its place.
        noticed: the beginning of the names of the tests that must fail, or the name of a step without tests.
    """

    promise: str
    file: str
    old: str
    new: str
    noticed: str

    @property
    def id(self) -> str:
        """A name for reports."""
        return self.promise.replace(" ", "-")


@dataclass(frozen=True)
class Trial:
    """Mutations that share a run of ``./stack test``.

    Args:
        tier: the fastest tier that has the tests.
        names: what follows ``./stack test``.
        mutations: what is broken.
    """

    tier: str
    names: tuple[str, ...]
    mutations: tuple[Mutation, ...]


QUICK = Trial(
    "quick",
    ("tests-outbox", "tests-runtime", "tests-repo", "tests-web-django", "tests-console", "tests-servers"),
    (
        Mutation(
            "the relay does not look for lost tasks",
            "libs/outbox/landfast_outbox/relay.py",
            "self._next_sweep and self._periods.lost:",
            "self._next_sweep and not self._periods.lost:",
            "libs/outbox/tests",
        ),
        Mutation(
            "a worker acknowledges tasks before it runs them",
            "libs/runtime/landfast_runtime/celery.py",
            "task_acks_late=True,",
            "task_acks_late=False,",
            "libs/runtime/tests/test_celery.py",
        ),
        Mutation(
            "a container runs as root",
            "images/redis/Dockerfile",
            "USER 10006:10006\n",
            "",
            "tests/repo/test_dockerfiles.py",
        ),
        Mutation(
            "an operator who may only read stops workers",
            "console/console/access.py",
            "(may_steer and asked.is_from_here)",
            "asked.is_from_here",
            "console/tests/test_access.py",
        ),
        Mutation(
            "a password alone opens the operators' pages",
            "console/console/factors.py",
            "    return State.WITHOUT_FACTOR if settings.SECOND_FACTOR_IS_REQUIRED else State.COMPLETE",
            "    return State.COMPLETE",
            "console/tests/test_login.py",
        ),
        Mutation(
            "a translation is missing",
            "services/web-django/accounts/locale/ru/LC_MESSAGES/django.po",
            'msgid "Register"\nmsgstr "Зарегистрироваться"',
            'msgid "Register"\nmsgstr ""',
            "services/web-django/tests/test_translations.py",
        ),
        Mutation(
            "a migration that fails counts as done",
            "rollout/jobs.py",
            'if task["Status"]["State"] != "complete":',
            'if task["Status"]["State"] == "unknown":',
            "tests/servers/test_rollout.py",
        ),
    ),
)

ON_A_STACK = Trial(
    "usual",
    ("tests/stack/test_operators.py", "tests/stack/test_secrets.py", "tests/stack/test_logs.py",
     "tests/stack/test_containers.py", "tests/chaos/test_faults.py"),
    (
        Mutation(
            "Flower is open",
            "nginx/conf.d/site.conf",
            "        include snippets/operators-only.conf;\n        proxy_pass http://$flower;",
            "        proxy_pass http://$flower;",
            "tests/stack/test_operators.py",
        ),
        Mutation(
            "a secret is in the environment",
            "images/redis/redis-health",
            "answer=$(redis-cli --user",
            "answer=$(REDISCLI_AUTH=$(cat /run/secrets/health) redis-cli --user",
            "tests/stack/test_secrets.py",
        ),
        Mutation(
            "a container keeps its capabilities",
            "compose.templates.yaml",
            "    cap_drop: [ALL]\n",
            "",
            "tests/stack/test_containers.py",
        ),
        Mutation(
            "the log of a task has no request id",
            "libs/runtime/landfast_runtime/celery.py",
            'request_id.set(getattr(task.request, "request_id", None))',
            'request_id.set(getattr(task.request, "request", None))',
            "tests/stack/test_logs.py",
        ),
        Mutation(
            "the shipped relay does not look for lost tasks",
            "compose.house.yaml",
            "${OUTBOX_LOST_AFTER:-30}",
            "${OUTBOX_LOST_AFTER:-0}",
            "tests/chaos/test_faults.py::test_it_loses_nothing_and_doubles_nothing[wipe-rabbitmq]",
        ),
    ),
)  # fmt: skip

ON_A_SERVER = Trial(
    "usual",
    ("server",),
    (
        Mutation(
            "ports of the cluster are open to strangers",
            "ansible/roles/firewall/templates/firewall.nft.j2",
            "ip saddr @nodes tcp dport { {{ (firewall_node_tcp_ports",
            "tcp dport { {{ (firewall_node_tcp_ports",
            "tests/deploy/test_single_stack.py::test_only_ssh_and_the_site_answer",
        ),
        Mutation(
            "a request is lost in a roll",
            "nginx/snippets/resolve.conf",
            "valid=1s",
            "valid=300s",
            "tests/deploy/test_single_stack.py::test_a_deploy_fails_no_request",
        ),
        Mutation(
            "a release whose migration fails is not taken back",
            "rollout/jobs.py",
            'if task["Status"]["State"] != "complete":',
            'if task["Status"]["State"] == "unknown":',
            "tests/deploy/test_single_stack.py::test_a_release_whose_migration_fails_is_taken_back",
        ),
    ),
)

TRIALS = (QUICK, ON_A_STACK, ON_A_SERVER)
