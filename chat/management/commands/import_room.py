"""`manage.py import_room`: what export_room wrote becomes a room again."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from chat.admin.durations import counted
from chat.conf import SLUG
from chat.management.progress import Progress
from chat.rooms.archive import BadArchive
from chat.rooms.imports import Refused, import_room


def slug(text: str) -> str:
    """Read a room's slug from a command line."""
    if not re.fullmatch(SLUG, text):
        raise ArgumentTypeError(f"expected up to 64 lower-case letters, digits and hyphens, but {text!r} came")
    return text


class Command(BaseCommand):
    help = "Make what export_room wrote the log of a room, new or empty. A broken file is refused, and nothing written."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file")
        parser.add_argument("--slug", type=slug, metavar="NEW", help="in place of the one in the file")
        parser.add_argument("--replace", action="store_true", help="delete the messages that the room has")

    def handle(self, *, file: str, slug: str | None, replace: bool, **options: object) -> None:
        progress = Progress(self.stderr.write)
        most = settings.CHAT.max_message_bytes
        try:
            with open(file, "rb") as archive:
                room, count = import_room(archive, most, settings.TURN, progress, slug=slug, replace=replace)
        except BadArchive as error:
            raise CommandError(f"{file}, {error}. Nothing was written.") from None
        except Refused as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from None
        except DatabaseError as error:
            raise CommandError(f"The database failed, and nothing was written: {error}") from None
        self.stdout.write(f"{room.slug}: {counted(count, 'message')}")
