"""Allowed origins, topics of rooms, and the living processes."""

import chat.models.origin
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0002_lobby"),
    ]

    operations = [
        migrations.CreateModel(
            name="AllowedOrigin",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "pattern",
                    models.CharField(
                        error_messages={"unique": "This origin is in the list already."},
                        help_text="scheme://host or scheme://host:port, exactly; https://*.example.com stands for every subdomain.",
                        max_length=300,
                        unique=True,
                        validators=[chat.models.origin.validate_pattern],
                    ),
                ),
                ("note", models.CharField(blank=True, help_text="Whose it is, and why it is let in.", max_length=200)),
                (
                    "enabled",
                    models.BooleanField(
                        default=True, help_text="Off: its connections are closed, and no new ones let in."
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name": "allowed origin",
                "ordering": ["pattern"],
            },
        ),
        migrations.CreateModel(
            name="Process",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("node", models.CharField(max_length=32, unique=True)),
                ("place", models.CharField(help_text="Host and process id.", max_length=128)),
                ("connections", models.PositiveIntegerField(default=0)),
                ("rooms", models.PositiveIntegerField(default=0)),
                ("layer", models.CharField(default="up", max_length=8)),
                ("started_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "processes",
                "ordering": ["place"],
            },
        ),
        migrations.AddField(
            model_name="room",
            name="topic",
            field=models.CharField(blank=True, help_text="One line on what the room is for.", max_length=250),
        ),
    ]
