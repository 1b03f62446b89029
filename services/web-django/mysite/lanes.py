"""The lanes of the site's workers. ``WORKER_LANE`` chooses one; a process without it, such as beat, is in the first."""

from __future__ import annotations

from landfast_runtime.worker.lanes import Lane, chosen

from mysite.celery import BULK_QUEUE, MAIL_QUEUE, QUEUE

#: A letter may take half an hour: none waits beside it while another worker, or the next minute, could take it.
LANES = {
    "web": Lane(queues=(QUEUE,)),
    "mail": Lane(queues=(MAIL_QUEUE, BULK_QUEUE), pool="threads", waiting=0),
}

#: This process's own.
LANE = chosen(LANES)

#: Whether it sends mail. No other process has the mail server's password.
SENDS_MAIL = LANE is LANES["mail"]
