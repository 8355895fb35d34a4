"""ORM calls from asyncio: in threads of their own with connections of their own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Collection, Hashable
from concurrent.futures import Future
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connections

from chat.outage import Outage
from chat.threads import Threads
from chat.write_errors import causes, write_error

Result = TypeVar("Result")

ANSWER_SECONDS = 3.0
# A busy thread spends no statement on that; a restart takes longer.
IDLE_SECONDS = 0.2
USED = threading.local()
# PostgreSQL's undefined_table and undefined_column; SQLite's are operational errors.
MISSING = ("42P01", "42703")


# Who asks, in whose turn: the account or the address of the connection that the running task serves.
PAYER: ContextVar[str] = ContextVar("payer", default="")


class Database:
    """Threads that ORM calls are handed to, each with a connection of its own: one, unless others are given.

    Calls of one function run one at a time; those of several functions take turns (chat.threads).
    `outage` hears what gets no answer, where whoever asks does not tell the log themselves.
    """

    def __init__(
        self, seconds: float = ANSWER_SECONDS, outage: Outage | None = None, threads: Threads | None = None
    ) -> None:
        self.seconds = seconds
        self.outage = outage
        self.threads = threads or threads_for()

    @property
    def thread(self) -> threading.Thread:
        """The first of the threads."""
        return self.threads.threads[0]

    async def __call__(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """Return what an ORM call returns. Calls that gave up waiting before their turn are not made.

        Raises: whatever the call raises; TimeoutError after `seconds`: then it may or may not be done yet.
        """
        future: Future[Result] = Future()
        self.threads.put(call, PAYER.get(), lambda: answer(future, call, *arguments))
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
        """Let the threads end, and their connections with them, after the calls that wait."""
        self.threads.close()


def threads_for(count: int = 1, later: Collection[Hashable] = ()) -> Threads:
    """Return threads for ORM calls; all functions of `later` together have one of them."""
    return Threads(count, lambda: connections.close_all(), later)


def answer(future: Future[Any], call: Callable[..., Any], *arguments: Any) -> None:
    """Make a call that is waited for yet, and hand over what came of it."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        drop_stale()
        result = call(*arguments)
    except Exception as error:
        # A connection that failed once may fail for ever: the next call gets a new one, also when closing fails.
        with contextlib.suppress(DatabaseError):
            connections.close_all()
        future.set_exception(error)
    else:
        future.set_result(result)


def drop_stale() -> None:
    """Try a connection that was idle before it is used, and let go of one that is dead: the database may have restarted.

    Here nothing is written yet, so that nothing is done twice.
    """
    now = time.monotonic()
    idle, USED.at = now - getattr(USED, "at", now), now
    connection = connections["default"]
    open_here = connection.connection is not None and not connection.in_atomic_block
    if idle > IDLE_SECONDS and open_here and not connection.is_usable():
        connection.close()


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
