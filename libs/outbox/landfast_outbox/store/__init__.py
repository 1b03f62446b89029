"""Every SQL statement of the outbox, sorted by its users; beside the migrations, no other module executes statements.

Functions take a psycopg connection, and leave its transactions to the caller.

``outbox.task`` is a view of ``outbox.stored_task``, where row-level security shows each role the rows of its queues
(``outbox.access``), and those that it wrote.

A task is *pending* until a relay takes it, *in flight* until it is completed or dead, and *done* or *dead* then. A
worker that runs a task holds the lock of its row; PostgreSQL releases the lock when the worker dies, for any reason.

=============  ========================================================================================
module         statements
=============  ========================================================================================
``callers``    a task is written
``relays``     tasks are taken, given back, swept and purged
``workers``    a task is claimed, completed, retried or buried
``operators``  dead letters are found, re-driven and deleted; tasks are given up
``setbacks``   ``outbox.setback``: tasks that could not run, and those that may have taken effect outside
``census``     the number of tasks in each state
``leases``     one of several processes may send
``lanes``      stalled queues: tasks wait while none ends
``rights``     roles' rights
``rows``       constants and conditions that the statements share
=============  ========================================================================================
"""

from landfast_outbox.store.callers import AT_ONCE, Cursor, insert
from landfast_outbox.store.leases import (
    LeaseKeys,
    begin_lease,
    former_holder_sends,
    give_up_lease,
    lease_holder,
    may_send,
    prove_session,
    take_lease,
)
from landfast_outbox.store.operators import DeadLetter, delete_dead, discard, find_dead, read_dead, redrive
from landfast_outbox.store.relays import (
    MOST_PUBLICATIONS,
    Message,
    commit_asynchronously,
    give_back,
    lead_ordered_queues,
    listen,
    next_due,
    overdue,
    purge,
    purge_dead,
    sweep,
    take,
)
from landfast_outbox.store.rows import CHANNEL, LONGEST_ERROR
from landfast_outbox.store.workers import (
    Claim,
    bury,
    claim,
    complete,
    count_death,
    hold,
    let_go,
    limit_lock_wait,
    retry,
)

__all__ = [
    "AT_ONCE",
    "CHANNEL",
    "LONGEST_ERROR",
    "MOST_PUBLICATIONS",
    "Claim",
    "Cursor",
    "DeadLetter",
    "LeaseKeys",
    "Message",
    "begin_lease",
    "bury",
    "claim",
    "commit_asynchronously",
    "complete",
    "count_death",
    "delete_dead",
    "discard",
    "find_dead",
    "former_holder_sends",
    "give_back",
    "give_up_lease",
    "hold",
    "insert",
    "lead_ordered_queues",
    "lease_holder",
    "let_go",
    "limit_lock_wait",
    "listen",
    "may_send",
    "next_due",
    "overdue",
    "prove_session",
    "purge",
    "purge_dead",
    "read_dead",
    "redrive",
    "retry",
    "sweep",
    "take",
    "take_lease",
]
