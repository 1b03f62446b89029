"""The site's workers: their set-up, their queues, and the outcomes of mails' tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from accounts import tasks as accounts
from django.apps import apps
from django.conf import settings
from django.db import connection
from landfast_outbox import consumer
from landfast_runtime.celery import TASK_TIME_LIMIT
from landfast_runtime.env import ConfigError, Env
from mailer import conversation
from mailer.config import MailSettings, mailer
from mailer.conversation import Limits, RefusedError, UnansweredError
from mysite import settings_worker, worker
from mysite.celery import BULK_QUEUE, MAIL_QUEUE, QUEUE, app
from mysite.lanes import LANES
from news import tasks as news

from tests.running import run_next

if TYPE_CHECKING:
    from celery import Task

LETTERS = [accounts.send_welcome, accounts.send_verification, accounts.send_password_reset, news.confirm_subscription]


def queue_of(name: str) -> str:
    return str(app.amqp.router.route({}, name)["queue"].name)


def test_every_queue_has_one_lane() -> None:
    consumed = [queue for lane in LANES.values() for queue in lane.queues]

    assert sorted(consumed) == sorted(queue.name for queue in app.conf.task_queues)
    assert {str(queue.queue_arguments) for queue in app.conf.task_queues} == {"{'x-queue-type': 'quorum'}"}


def test_what_asks_a_mail_server_goes_to_the_lane_of_letters_and_nothing_else_does() -> None:
    asking = {task.name for task in (*LETTERS, news.send_newsletter_copy)}
    others = {name for name in app.tasks if name.startswith(("accounts.", "news."))} - asking

    assert {queue_of(name) for name in asking} == set(LANES["mail"].queues) == {MAIL_QUEUE, BULK_QUEUE}
    assert {queue_of(name) for name in others} == set(LANES["web"].queues) == {QUEUE}
    assert queue_of(news.send_newsletter_copy.name) == BULK_QUEUE, "ten thousand stand in nobody's way"
    assert news.send_newsletter_copy.rate_limit


@pytest.mark.parametrize("task", [*LETTERS, news.send_newsletter_copy])
def test_a_letter_keeps_no_transaction_open_while_a_server_takes_its_time(task: Task[Any, Any]) -> None:
    assert cast("Any", task).long


def test_a_letter_s_longest_run_is_within_a_task_s_time() -> None:
    limits = Limits()
    assert (limits.reply, conversation.DATA_INITIATION, conversation.BLOCK, limits.end) == (300, 120, 180, 600)
    assert conversation.BEFORE_THE_DOT + limits.end + 60 < TASK_TIME_LIMIT


def test_letters_wait_in_threads_and_none_beside_another() -> None:
    assert (LANES["mail"].pool, LANES["mail"].waiting, LANES["web"].pool) == ("threads", 0, "prefork")


def test_beat_has_the_timetable_of_the_admin() -> None:
    from django_celery_beat.schedulers import DatabaseScheduler  # noqa: PLC0415 - needs Django's set-up
    from landfast_runtime.worker.scheduler import Ticking  # noqa: PLC0415
    from mysite.scheduler import Scheduler  # noqa: PLC0415

    assert worker.app.conf.beat_scheduler == f"{Scheduler.__module__}:{Scheduler.__name__}"
    assert issubclass(Scheduler, DatabaseScheduler)
    assert issubclass(Scheduler, Ticking), "its health check wants a mark of every tick"


def test_letters_go_out_by_smtp() -> None:
    found = MailSettings.from_env(Env({}))
    made = mailer(found)
    options = made["OPTIONS"]
    assert (options["host"], options["port"], options["use_tls"], options["use_ssl"]) == ("mail", 1025, False, False)
    assert made["BACKEND"] == "mailer.backend.StepwiseBackend"
    assert (options["timeout"], options["limits"].reply, options["limits"].end) == (10, 300, 600)
    assert found.sender == "Landfast <hello@localhost>"


def test_tasks_use_a_connection_of_their_own() -> None:
    connected: Any = settings_worker.DATABASES["default"]["OPTIONS"]
    assert connected["application_name"] == "web-worker"
    assert "pool" not in connected


def test_a_worker_leaves_out_no_app_that_has_a_model() -> None:
    left_out = set(settings.INSTALLED_APPS) - set(settings_worker.INSTALLED_APPS)

    assert "strawberry_django" in left_out
    assert [model for app in apps.get_app_configs() if app.name in left_out for model in app.get_models()] == []


def test_it_notices_within_two_minutes_that_the_database_fell_silent() -> None:
    options = settings_worker.DATABASES["default"]["OPTIONS"]

    assert options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"] <= 120
    assert options["tcp_user_timeout"] <= 120_000


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SMTP_TLS": "yes"}, "SMTP_TLS: is 'yes', must be one of implicit, none, starttls"),
        ({"SMTP_PORT": "70000"}, "SMTP_PORT: is 70000, must be at most 65535"),
        ({"SMTP_END_TIMEOUT": "900"}, "SMTP_END_TIMEOUT: is 900, must be at most 600"),
        ({"SMTP_REPLY_TIMEOUT": "0"}, "SMTP_REPLY_TIMEOUT: is 0, must be at least 1"),
        ({"SMTP_USER": "u", "SECRETS_DIR": "/nowhere"}, "smtp_password: secret file /nowhere/smtp_password"),
    ],
)
def test_it_names_the_variable_and_the_problem(variables: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        MailSettings.from_env(Env(variables))

    assert message in str(raised.value)


def run_a_letter(monkeypatch: pytest.MonkeyPatch, ending: Exception) -> tuple[str, str]:
    """Run a welcome mail's task that fails after its point of no return; return its row's state and error."""

    def send(_user: int, **_: object) -> None:
        consumer.point_of_no_return()
        raise ending

    monkeypatch.setattr("accounts.mail.send_welcome", send)
    accounts.send_welcome.delay(7)
    assert run_next().queue == MAIL_QUEUE
    with connection.cursor() as cursor:
        cursor.execute("SELECT dead_at, published_at, error FROM outbox.task")
        [(dead, published, error)] = cursor.fetchall()
    if dead:
        return "dead", error
    return "in flight" if published else "pending", error


@pytest.mark.usefixtures("at_work")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (RefusedError("550 nobody here"), "dead"),
        (UnansweredError("it may have been taken"), "dead"),
        (TimeoutError("451 later"), "pending"),
    ],
    ids=["refused", "unanswered", "later"],
)
def test_a_letter_is_a_dead_letter_at_once_or_waits_for_its_next_attempt(
    monkeypatch: pytest.MonkeyPatch, ending: Exception, state: str
) -> None:
    found, error = run_a_letter(monkeypatch, ending)

    assert found == state
    assert str(ending) in error
