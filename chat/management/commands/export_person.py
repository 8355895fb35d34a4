"""`manage.py export_person`: what is kept of a person, as a zip."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from chat import own_data
from chat.admin.durations import counted
from chat.management.commands.export_room import whole_file
from chat.management.progress import Progress


class Command(BaseCommand):
    help = "Write a person's own data as a zip: messages, profile, memberships, sessions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("file", metavar="FILE", help="there when it is whole; only its owner may read it")

    def handle(self, *, username: str, file: str, **options: object) -> None:
        try:
            user = User.objects.get(username=username)
            with whole_file(Path(file)) as archive:
                count = own_data.export(user, archive, Progress(self.stderr.write))
        except User.DoesNotExist:
            raise CommandError(f"There is no account {username!r}.") from None
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}") from None
        except DatabaseError as error:
            raise CommandError(f"The database failed: {error}") from None
        self.stdout.write(f"{username}: {counted(count, 'message')}")
