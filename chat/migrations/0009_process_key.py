"""What a server's row says of its SECRET_KEY; servers of the version before write rows without it."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0008_one_key_for_one_emoji")]

    operations = [
        migrations.AddField(
            model_name="process",
            name="key",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="By which servers know that they share SECRET_KEY.",
                max_length=16,
            ),
        ),
    ]
