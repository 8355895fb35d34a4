"""`manage.py serve`: the production runner."""

from __future__ import annotations

import asyncio
import os
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chat import runner
from chat.links import links
from chat.management.numbers import whole

# Over CHAT_DRAIN_SECONDS: what a drained server still needs to end.
GRACE_SECONDS = 4.0


class Command(BaseCommand):
    help = "Serve in production: one server in this process's place, or several on one socket. Drains on SIGTERM."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (%(default)s)")
        parser.add_argument("--port", default=8080, type=whole(1, 65535), help="(%(default)s)")
        parser.add_argument("--workers", default=1, type=whole(1, 256), help="server processes (%(default)s)")
        parser.add_argument("--server", default="daphne", choices=runner.SERVERS, help="(%(default)s)")

    def handle(self, *, host: str, port: int, workers: int, server: str, **options: object) -> None:
        if workers > 1 and not settings.CHAT.clustered:
            raise CommandError(
                f"--workers {workers} needs REDIS_URL: the in-memory channel layer reaches one process only, so people "
                "on different workers would not hear each other."
            )
        host = host.strip("[]")
        addresses = links(host, port, settings.ALLOWED_HOSTS)
        environment = {
            **runner.child_environment(os.environ, settings.BASE_DIR),
            **({"CHATSITE_AT": addresses[0].rstrip("/")} if addresses else {}),
        }
        if workers == 1:
            self.tell(addresses)
            runner.replace(server, host, port, environment)
        try:
            listener = runner.listen(host, port)
        except OSError as error:
            raise CommandError(f"Cannot listen at {host}:{port}: {error.strerror or error}") from None
        with listener:
            if not runner.can_share(server, listener):
                raise CommandError(
                    f"Several daphne workers cannot share the IPv6 socket {host}: daphne takes it for an IPv4 one. "
                    "Use --server uvicorn, or one worker, or an IPv4 address."
                )
            self.tell(addresses)
            seconds = settings.CHAT.drain_seconds + GRACE_SECONDS
            if not asyncio.run(runner.supervise(server, listener, workers, environment, seconds)):
                raise CommandError("Not every server ended in time.")

    def tell(self, addresses: list[str]) -> None:
        """Print where to point a browser."""
        for link in addresses:
            self.stdout.write(f"Serving at {link}")
        self.stdout.flush()
