"""The site's Celery application, ``web``; its tasks are beside their domain, in ``accounts/tasks.py`` and so on.

Tasks are durable: they are written in the caller's transaction, and run to their end once that has committed. So a page
sends tasks without a broker; :mod:`mysite.worker` has the broker. https://docs.celeryq.dev/en/stable/django/
"""

from __future__ import annotations

from landfast_outbox.celery import DurableTask
from landfast_runtime.celery import create_celery

#: Tasks that wait for a mail server have queues and a worker of their own, so that they delay no other task. Bulk mail
#: has a separate queue, so that ten thousand mails do not delay a single one.
QUEUE, MAIL_QUEUE, BULK_QUEUE = "web", "web.mail", "web.bulk"

app = create_celery(
    "web",
    include=["accounts.tasks", "news.tasks", "mysite.former"],
    queues=[QUEUE, MAIL_QUEUE, BULK_QUEUE],
    task_class=DurableTask,
)
app.conf.task_routes = {
    "accounts.tasks.send_*": {"queue": MAIL_QUEUE},
    "news.tasks.confirm_subscription": {"queue": MAIL_QUEUE},
    "news.tasks.send_newsletter_copy": {"queue": BULK_QUEUE},
}
app.set_default()  # for `shared_task`, in every thread of a server
