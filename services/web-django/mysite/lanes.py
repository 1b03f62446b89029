"""The lanes of the site's workers. ``WORKER_LANE`` chooses one; a process without it, such as beat, has the first."""

from __future__ import annotations

from landfast_runtime.worker.lanes import Lane, chosen

from mysite.celery import BULK_QUEUE, MAIL_QUEUE, QUEUE

#: A mail may take half an hour, so none is prefetched: another worker, or this one a minute later, could send it.
LANES = {
    "web": Lane(queues=(QUEUE,)),
    "mail": Lane(queues=(MAIL_QUEUE, BULK_QUEUE), pool="threads", waiting=0),
}

#: This process's lane.
LANE = chosen(LANES)

#: Whether this process sends mail. No other process has the mail server's password.
SENDS_MAIL = LANE is LANES["mail"]
