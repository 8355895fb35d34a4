"""`manage.py export_room`: a room's log as JSON lines."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.utils import timezone

from chat.admin.durations import counted
from chat.management.progress import Progress
from chat.rooms.exports import NoSuchRoom, export


class Command(BaseCommand):
    help = "Write a room's messages as JSON lines, as they stand at this moment; servers may go on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--output", metavar="FILE", help="in place of the standard output; there when it is whole")

    def handle(self, *, slug: str, output: str | None, **options: object) -> None:
        count, progress = 0, Progress(self.stderr.write)
        try:
            with whole_file(Path(output)) if output else standard_output() as file:
                for count, of, line in export(slug, timezone.now()):
                    file.write(line)
                    progress(f"{slug}: written", count, of)
        except (NoSuchRoom, DatabaseError) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{output or 'The output'} cannot be written: {error.strerror}") from None
        self.stderr.write(f"{slug}: {counted(count, 'message')}")


@contextmanager
def standard_output() -> Iterator[BinaryIO]:
    """Write to the standard output, whatever its encoding."""
    yield sys.stdout.buffer
    sys.stdout.buffer.flush()


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that only its owner may read; it takes its place, and another's there, when it is whole."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
