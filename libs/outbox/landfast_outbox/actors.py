"""Dramatiq's adapter for workers: actors that complete their task with its effect, as Celery's durable tasks do.

Callers use :mod:`landfast_outbox.dramatiq` instead. Dramatiq's own retries, age limits and dead letter queues are not
used: a task waits for its retry, or is a dead letter, in its row. Each message is acknowledged when its run is over,
whatever the outcome.
"""

from __future__ import annotations

import logging
import traceback
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
from random import uniform
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dramatiq import Actor, Message
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.errors import ActorNotFound
from dramatiq.errors import Retry as Wish
from dramatiq.middleware import Middleware, ShutdownNotifications, TimeLimit
from dramatiq.middleware.middleware import SkipMessage
from dramatiq.middleware.shutdown import Shutdown
from dramatiq.middleware.time_limit import TimeLimitExceeded
from landfast_runtime.logs import request_id, task_id

from landfast_outbox import consumer, databases, dramatiq, endings, store
from landfast_outbox.exceptions import ControlError, RejectError, RetryError
from landfast_outbox.writing import write

if TYPE_CHECKING:
    from dramatiq.broker import Broker, MessageProxy
    from landfast_runtime.connections import RabbitMQ

    from landfast_outbox.databases import Database

logger = logging.getLogger(__name__)

#: Attempts after the first, and seconds between two: the wait doubles each time.
RETRIES = 20
FIRST_WAIT, LONGEST_WAIT = 5.0, 1800.0

#: States of runs that end without a result, as Celery names them.
STATES: dict[type[ControlError], str] = {RejectError: "REJECTED", RetryError: "RETRY"}

_message: ContextVar[MessageProxy | None] = ContextVar("outbox_message", default=None)


class OutboxMiddleware(Middleware):
    """Gives an actor the message that it processes, and declares the options of durable actors."""

    @property
    def actor_options(self) -> set[str]:
        """The options that an actor may declare."""
        return {"long", "database", "ignore_result", "max_retries", "throws"}

    def before_process_message(self, _broker: Broker, message: MessageProxy) -> None:
        """Remember the message, and its ids for log lines."""
        _message.set(message)
        task_id.set(message.message_id)
        request_id.set(message.options.get("request_id"))

    def after_process_message(
        self,
        _broker: Broker,
        _message_proxy: MessageProxy,
        *,
        result: object = None,  # noqa: ARG002 - Dramatiq's own signature
        exception: BaseException | None = None,  # noqa: ARG002
    ) -> None:
        """Forget the message."""
        _message.set(None)
        task_id.set(None)
        request_id.set(None)

    def after_skip_message(self, broker: Broker, message: MessageProxy) -> None:
        """Forget the message."""
        self.after_process_message(broker, message)

    def after_nack(self, broker: Broker, message: MessageProxy) -> None:
        """Put off a task that is unknown to this worker: no other message is ever rejected."""
        try:
            broker.get_actor(message.actor_name)
        except ActorNotFound:
            endings.put_off_unknown(databases.first(), UUID(message.message_id), message.actor_name)


class DurableActor(Actor[Any, Any]):
    """An actor that runs to its end once its caller's transaction has committed.

    Its options: ``long`` for a body that makes its own transactions, ``database`` for the database of its effects;
    ``ignore_result``, ``max_retries`` and ``throws`` as in Dramatiq.
    """

    def send_with_options(
        self,
        *,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        delay: timedelta | int | None = None,
        **options: Any,  # noqa: ANN401 - Dramatiq's own signature
    ) -> Message[Any]:
        """Write the task in the caller's transaction.

        Args:
            args: positional arguments, as in Dramatiq.
            kwargs: keyword arguments.
            delay: milliseconds, or a timedelta.
            **options: the message's options.

        Raises:
            NotDurableError: an option was given that a durable task cannot promise.
            PayloadError: the arguments are no plain JSON, or too large.
        """
        wait = timedelta(milliseconds=delay) if isinstance(delay, int) else delay
        task = dramatiq.new(self.actor_name, self.queue_name, args, kwargs, None, wait, **options)
        write([task])
        message: Message[Any] = Message.decode(task.body.encode())
        return message

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the body's arguments and result
        """Run the body; in a worker, together with the record that it is done."""
        message = _message.get()
        if message is None or message.actor_name != self.actor_name:
            return super().__call__(*args, **kwargs)
        _message.set(None)  # an actor that the body calls directly is no task
        logger.info("task started", extra={"task": self.actor_name})
        state = "FAILURE"
        try:
            consumer.run(self._delivery(message), partial(self._attempt, message, args, kwargs))
            state = "SUCCESS"
        except ControlError as end:
            state = STATES.get(type(end), "IGNORED")
            raise SkipMessage from None
        except TimeLimitExceeded:
            error = f"it was ended at its time limit\n{traceback.format_exc()}"
            endings.bury_from_outside(self._database, UUID(message.message_id), error)
            raise
        except Shutdown:
            state = "RETRY"
            self._hand_back(message)
            raise
        finally:
            logger.info("task ended", extra={"task": self.actor_name, "state": state})

    @property
    def _database(self) -> Database:
        return databases.named(self.options.get("database", "default"), self.actor_name)

    def _delivery(self, message: MessageProxy) -> consumer.Delivery:
        return consumer.Delivery(
            id=UUID(message.message_id),
            name=self.actor_name,
            database=self.options.get("database", "default"),
            long=self.options.get("long", False),
            keep_result=not self.options.get("ignore_result", False),
            comes_again=bool(getattr(message, "redelivered", False)),
        )

    def _attempt(self, message: MessageProxy, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        """Run the body, and turn an error into a retry while retries are left.

        Raises:
            RetryError: the task is to run again.
            Exception: the task is not to run again, or the database is away.
        """
        outages = self._database.outages
        try:
            return self.fn(*args, **kwargs)
        except Exception as error:
            if isinstance(error, outages):
                raise
            retries = message.options.get("retries", 0)
            limit = message.options.get("max_retries", self.options.get("max_retries", RETRIES))
            throws = self.options.get("throws")
            if (limit is not None and retries >= limit) or (throws and isinstance(error, throws)):
                raise
            options = {**message.options, "retries": retries + 1}
            wait = _backoff(retries)
            if isinstance(error, Wish) and error.delay is not None:
                wait = error.delay / 1000
            consumer.keep_retry(
                dramatiq.new(
                    self.actor_name,
                    self.queue_name,
                    args,
                    kwargs,
                    message.message_id,
                    timedelta(seconds=wait),
                    **options,
                )
            )
            raise RetryError(error) from error

    def _hand_back(self, message: MessageProxy) -> None:
        """Let another worker run the task that this one had to interrupt."""
        with self._database.connect() as connection:
            store.give_back(connection, [UUID(message.message_id)])


def make_broker(rabbitmq: RabbitMQ, time_limit: float) -> RabbitmqBroker:
    """Return a worker's broker, with the middleware that durable actors need and none that would interfere with them.

    Args:
        rabbitmq: the broker's address and the user.
        time_limit: seconds that an actor may run unless it has a limit of its own.
    """
    middleware = [TimeLimit(time_limit=int(time_limit * 1000)), ShutdownNotifications(), OutboxMiddleware()]
    return RabbitmqBroker(url=f"{rabbitmq.url}?heartbeat=30&blocked_connection_timeout=300", middleware=middleware)


def _backoff(retries: int) -> float:
    return uniform(0.5, 1.0) * min(FIRST_WAIT * 2.0**retries, LONGEST_WAIT)  # noqa: S311 - no secret
