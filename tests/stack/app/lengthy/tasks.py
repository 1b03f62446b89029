"""Celery's tasks."""

from __future__ import annotations

from tasks.celery_app import app

from lengthy import bodies


@app.task(name="lengthy.linger")
def linger(mark: str, seconds: float) -> str:
    """Work for long in one transaction."""
    return bodies.linger(mark, seconds)


@app.task(name="lengthy.linger_outside", long=True)
def linger_outside(mark: str, seconds: float) -> str:
    """Work for long without holding a transaction open."""
    return bodies.linger(mark, seconds)


@app.task(name="lengthy.leak", ignore_result=True)
def leak(mark: str, number: int) -> None:
    """Leak."""
    bodies.leak(mark, number)
