"""Acting: how pages and commands change a room's log, from threads of their own."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest

from chat.node import Node
from chat.rooms import log
from chat.rooms.changes import Change, Done, Outcome
from chat.rooms.writer import unavailable
from chat.wire.codes import WireError

# Where the gateway puts the node of the process, for the pages that it serves.
SCOPE_KEY = "chat.node"
SECONDS = 10.0


def nobody(outcome: Outcome) -> None:
    """Take an outcome that is told in another way."""


def fresh_key() -> str:
    """Return the key of a change that nobody makes twice."""
    return secrets.token_hex(16)


def act(change: Change, request: HttpRequest | None = None) -> Done:
    """Commit a change and return what became of it. Not for the event loop's thread.

    In a server it goes through the process's own writer, so that everybody hears of it at once; without a request, or
    in a server that has no node, it is written here, and the servers find it by their look.

    Raises: WireError, also where the database does not answer.
    """
    node: Node | None = getattr(request, "scope", {}).get(SCOPE_KEY)
    outcome = commit_here(change) if node is None or node.loop is None else commit_there(node, node.loop, change)
    if isinstance(outcome, WireError):
        raise outcome
    return outcome


def commit_there(node: Node, loop: asyncio.AbstractEventLoop, change: Change) -> Outcome:
    try:
        return asyncio.run_coroutine_threadsafe(node.commit(change), loop).result(SECONDS)
    except TimeoutError:
        return unavailable()


def commit_here(change: Change, clock: Callable[[], float] = time.time) -> Outcome:
    turn: Callable[[], Any] = settings.TURN
    try:
        with turn():
            return log.commit([change], int(clock() * 1000))[0]
    except DatabaseError:
        return unavailable()
