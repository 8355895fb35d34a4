"""`manage.py new_epoch`: after a restore, tell clients that the logs are not those they know."""

from __future__ import annotations

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from chat.rooms.epochs import NoSuchRooms, renew


class Command(BaseCommand):
    help = "Give rooms' logs new epochs: whoever is in them starts over within two seconds. Run it after a restore."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slugs", nargs="*", metavar="SLUG")
        parser.add_argument("--all", action="store_true", help="every room")

    def handle(self, *, slugs: list[str], all: bool, **options: object) -> None:
        if all is bool(slugs):
            raise CommandError("Expected slugs of rooms or --all, but " + ("both came." if all else "neither came."))
        try:
            count = renew(None if all else slugs, settings.TURN)
        except NoSuchRooms as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(f"The database failed, and nothing was done: {error}") from None
        self.stdout.write(f"rooms with new epochs: {count:,}")
