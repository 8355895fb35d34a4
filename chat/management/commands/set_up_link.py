"""`manage.py set_up_link`: the link that makes the administrator, while there are no accounts."""

from __future__ import annotations

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from chat import set_up


class Command(BaseCommand):
    help = "Print the link that makes the administrator. It works while there are no accounts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        site = settings.CHAT.site_url or "http://127.0.0.1:8080"
        parser.add_argument("--at", default=site, metavar="URL", help="the site (%(default)s)")

    def handle(self, *, at: str, **options: object) -> None:
        if not at.startswith(("http://", "https://")):
            raise CommandError(f"--at {at!r} makes no sense: expected an address like https://chat.example.com.")
        try:
            if not set_up.needed():
                raise CommandError("There are accounts already: manage.py createsuperuser makes another administrator.")
            self.stdout.write(set_up.link(at.rstrip("/")))
        except DatabaseError as error:
            raise CommandError(f"The database failed: {error}") from None
