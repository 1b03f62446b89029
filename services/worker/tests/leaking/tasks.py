"""The task that leaks."""

from __future__ import annotations

import os

from tasks.celery_app import app

#: What each run leaves in memory, for good.
LEAK = 10 << 20

_leaked: list[bytes] = []


@app.task(name="tests.leak", ignore_result=True)
def leak(number: int) -> None:
    """Leave a row that says which process ran it, and 10 MiB."""
    from django.db import connection  # noqa: PLC0415 - Django's settings must be there first

    _leaked.append(b"x" * LEAK)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO public.leak VALUES (%s, %s)", [number, f"{os.getpid()}.{os.environ['STARTS']}"])
