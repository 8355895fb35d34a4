"""`manage.py prune`: delete what rooms need not keep any longer."""

from __future__ import annotations

import time
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from chat.conf import MAX_RETENTION_DAYS
from chat.management.numbers import whole
from chat.management.progress import Progress
from chat.models import Room, SentForm
from chat.rooms import retention


class Command(BaseCommand):
    help = (
        "Delete messages that are older than their room's retention, or more than it keeps; a few at a time, so that "
        "servers may go on. Run it once a day."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--room", metavar="SLUG", help="this room only")
        parser.add_argument(
            "--days",
            metavar="N",
            type=whole(0, MAX_RETENTION_DAYS),
            help="in place of CHAT_RETENTION_DAYS, and with --room in place of the room's own days; 0 keeps all",
        )
        parser.add_argument("--dry-run", action="store_true", help="only tell how many messages would be deleted")

    def handle(self, *, room: str | None, days: int | None, dry_run: bool, **options: object) -> None:
        rooms = Room.objects.order_by("pk") if room is None else Room.objects.filter(slug=room)
        if room is not None and not rooms:
            raise CommandError(f"There is no room {room!r}.")
        if not dry_run:
            SentForm.sweep()
        now = int(time.time() * 1000)
        site_days = settings.CHAT.retention_days if days is None else days
        self.deleted = 0
        try:
            counts = [
                self.prune(each, retention.rule_of(each, site_days, days if room else None), now, dry_run)
                for each in rooms.iterator()
            ]
        except DatabaseError as error:
            raise CommandError(f"The database failed after {self.deleted:,} messages were deleted: {error}") from None
        done = "that would be deleted" if dry_run else "deleted"
        self.stdout.write(f"messages {done}: {sum(counts):,}; rooms: {sum(map(bool, counts)):,}")

    def prune(self, room: Room, rule: retention.Rule, now: int, dry_run: bool) -> int:
        """Prune one room; return how many messages that were, or would be."""
        count = retention.outdated(room, rule, now).count() if dry_run else self.delete(room, rule, now)
        if count:
            self.stdout.write(f"{room.slug}: {count:,}")
        return count

    def delete(self, room: Room, rule: retention.Rule, now: int) -> int:
        """Delete what a room does not keep, and tell how far that is; return how many messages it was."""
        before, progress = self.deleted, Progress(self.stderr.write)
        for deleted in retention.prune(room, rule, now, settings.TURN):
            self.deleted += deleted
            progress(f"{room.slug}: deleted", self.deleted - before, 0)
        return self.deleted - before
