"""`manage.py broadcast_time`: the worker that pushes the broadcasts through the channel layer."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from argparse import ArgumentParser

from channels.layers import get_channel_layer
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat import ticker
from chat.broadcasts import Unavailable

FLUSH_SECONDS = 0.3


class Command(BaseCommand):
    help = "Push every enabled broadcast into its room, through the channel layer. Run several: one leads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="send each enabled broadcast once, now, and exit")

    def handle(self, *, once: bool, **options: object) -> None:
        if not settings.CHAT.clustered:
            raise CommandError(
                "The in-memory channel layer reaches no other process, and the server process ticks the broadcasts "
                "by itself: set REDIS_URL, for the servers and for this worker, to run them apart."
            )
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(send_once() if once else work())


async def work() -> None:
    """Tick until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await ticker.run_worker(ticker.to_every_process, stop)
    finally:
        await hang_up()


async def send_once() -> None:
    """Send each broadcast once.

    Raises: CommandError.
    """
    try:
        await ticker.send_once(ticker.to_every_process)
    except Unavailable as error:
        raise CommandError(f"Not every broadcast was sent: {ticker.brief(error.__cause__ or error)}") from None
    finally:
        await hang_up()


async def hang_up() -> None:
    """Close the channel layer's connections, without waiting for a Redis that hangs."""
    with contextlib.suppress(*ticker.LAYER_ERRORS):
        async with asyncio.timeout(FLUSH_SECONDS):
            await get_channel_layer().flush()
