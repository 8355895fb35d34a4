"""Sending a broadcast at once, when an operator asks for it."""

from __future__ import annotations

from asgiref.sync import async_to_sync

from chat import ticker
from chat.broadcasts import Unavailable
from chat.models import Broadcast


class NotSent(Exception):
    """A broadcast was not sent; the message says why."""


def send_now(row: Broadcast) -> None:
    """Send a broadcast as it is saved; never call it in a transaction, which would keep the tick from being claimed.

    Under a server this runs on the server's own event loop, where the in-memory channel layer lives.

    Raises: NotSent.
    """
    if not row.enabled:
        raise NotSent(f"“{row}” is off, so it was not sent: switch it on first.")
    try:
        sent = async_to_sync(ticker.send_once)(ticker.to_every_process, row.pk)
    except Unavailable as error:
        raise NotSent(f"“{row}” was not sent: {error}. Try again in a moment.") from error
    if not sent:
        raise NotSent(f"“{row}” was not sent: it was sent by the clock or switched off in this very moment.")
