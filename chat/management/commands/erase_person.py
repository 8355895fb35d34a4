"""`manage.py erase_person`: an account goes, and its messages stay without a name, or go too."""

from __future__ import annotations

from argparse import ArgumentParser

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from chat import own_data
from chat.admin.durations import counted
from chat.management.progress import Progress


class Command(BaseCommand):
    help = "Erase a person: the account, its profile, memberships and reactions. It cannot be undone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--messages",
            required=True,
            choices=("keep", "remove"),
            help="keep them, as written by “deleted user”, or remove them from every room",
        )

    def handle(self, *, username: str, messages: str, **options: object) -> None:
        progress = Progress(self.stderr.write)
        try:
            user = User.objects.get(username=username)
            count = own_data.erase(user, settings.TURN, progress, keep=messages == "keep")
        except User.DoesNotExist:
            raise CommandError(f"There is no account {username!r}.") from None
        except own_data.OnlyAdministrator as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            raise CommandError(
                f"The database failed, and not everything is done: run the same again. ({error})"
            ) from None
        self.stdout.write(f"{username}: erased; {counted(count, 'message')} changed")
