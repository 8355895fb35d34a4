"""Rooms, broadcasts and the lease of who ticks them."""

import chat.models.broadcast
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=64, unique=True)),
                ("holder", models.CharField(blank=True, max_length=128)),
                ("beat", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="Room",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slug",
                    models.CharField(
                        help_text="The room's name in addresses: lower-case letters, digits and hyphens.",
                        max_length=64,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z0-9][a-z0-9-]{0,63}\\Z",
                                "Expected up to 64 lower-case letters, digits and hyphens.",
                            )
                        ],
                    ),
                ),
                ("title", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["slug"],
            },
        ),
        migrations.CreateModel(
            name="Broadcast",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "template",
                    models.CharField(
                        default="Server broadcast: Current time is {time}",
                        help_text="{time} becomes the time (15:04:05), {date} the date (2006-01-02), {room} the room's title.",
                        max_length=1000,
                        validators=[chat.models.broadcast.validate_template],
                    ),
                ),
                (
                    "interval",
                    models.PositiveIntegerField(
                        default=5,
                        help_text="In whole seconds, up to a day; ticks are aligned to the clock: 5 ticks at :00, :05, :10 …",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(86400),
                        ],
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        blank=True,
                        help_text="Like Europe/Berlin. Empty: the zone of the machine that sends.",
                        max_length=64,
                        validators=[chat.models.broadcast.validate_time_zone],
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "last_due",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="The tick that was sent last; the next one's is later.",
                        null=True,
                    ),
                ),
                (
                    "room",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="broadcasts", to="chat.room"
                    ),
                ),
            ],
            options={
                "ordering": ["room", "name"],
                "constraints": [
                    models.UniqueConstraint(fields=("room", "name"), name="broadcast_name_in_room"),
                    models.CheckConstraint(
                        condition=models.Q(("interval__gte", 1), ("interval__lte", 86400)),
                        name="broadcast_interval_in_range",
                    ),
                ],
            },
        ),
    ]
