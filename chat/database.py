"""ORM calls from asyncio: one at a time, in a thread of its own with a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connections

from chat.outage import Outage
from chat.write_errors import causes, write_error

Result = TypeVar("Result")
Call = tuple["Future[Any]", Callable[[], Any]]

ANSWER_SECONDS = 3.0
# PostgreSQL's undefined_table and undefined_column; SQLite's are operational errors.
MISSING = ("42P01", "42703")


class Database:
    """A thread that ORM calls are handed to.

    The thread is a daemon, unlike those of an executor: a database that hangs must not keep the process from ending.
    `outage` hears what gets no answer, where whoever asks does not tell the log themselves.
    """

    def __init__(self, seconds: float = ANSWER_SECONDS, outage: Outage | None = None) -> None:
        self.seconds = seconds
        self.outage = outage
        self.calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._work, name="chat-database", daemon=True)
        self.thread.start()

    async def __call__(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """Return what an ORM call returns. Calls that gave up waiting before their turn are not made.

        Raises: whatever the call raises; TimeoutError after `seconds`: then it may or may not be done yet.
        """
        future: Future[Result] = Future()
        self.calls.put((future, lambda: call(*arguments)))
        try:
            async with asyncio.timeout(self.seconds):
                result = await asyncio.wrap_future(future)
        except (DatabaseError, TimeoutError) as error:
            if self.outage is not None:
                self.outage.failed(brief(error))
            raise
        if self.outage is not None:
            self.outage.answered()
        return result

    def close(self) -> None:
        """Let the thread end, and its connection with it, after the calls that wait."""
        self.calls.put(None)

    def _work(self) -> None:
        while (item := self.calls.get()) is not None:
            future, call = item
            if future.set_running_or_notify_cancel():
                self._answer(future, call)
        connections.close_all()

    @staticmethod
    def _answer(future: Future[Any], call: Callable[[], Any]) -> None:
        try:
            result = call()
        except Exception as error:
            # A connection that failed once may fail for ever: the next call gets a new one, also when closing fails.
            with contextlib.suppress(DatabaseError):
                connections.close_all()
            future.set_exception(error)
        else:
            future.set_result(result)


def is_outage(error: BaseException | None) -> bool:
    """Tell whether it is the database that fails, or lacks its tables, rather than a statement of ours."""
    if isinstance(error, OperationalError | InterfaceError):
        return True
    lacks = any(getattr(cause, "sqlstate", None) in MISSING for cause in causes(error))
    return isinstance(error, DatabaseError) and (lacks or bool(write_error(error)))


def brief(error: Exception) -> str:
    """Return an error in one line."""
    return " ".join(str(error).split()) or "no answer in time"


class Unavailable(Exception):
    """The database does not answer, or not in time."""


async def ask(database: Database, call: Callable[..., Result], *arguments: Any) -> Result:
    """Return what an ORM call returns.

    Raises: Unavailable where the database is the reason; whatever else the call raises.
    """
    try:
        return await database(call, *arguments)
    except (DatabaseError, TimeoutError) as error:
        raise Unavailable(brief(error)) from error
