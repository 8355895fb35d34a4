"""Sessions have a place for whose they are: a column beside Django's own, which servers of the version before leave empty."""

from django.db import migrations, models

TABLE = "django_session"


class Migration(migrations.Migration):

    dependencies = [
        ("chat", "0009_process_key"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="UserSession",
            fields=[
                (
                    "session_key",
                    models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key"),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("user", models.BigIntegerField(editable=False, null=True)),
            ],
            options={"db_table": TABLE, "managed": False},
        ),
        # Of no user: NULL, which is what an INSERT without the column writes.
        migrations.RunSQL(
            f'ALTER TABLE {TABLE} ADD COLUMN "user" bigint NULL', f'ALTER TABLE {TABLE} DROP COLUMN "user"'
        ),
        migrations.RunSQL(
            f'CREATE INDEX chat_session_user ON {TABLE} ("user")', "DROP INDEX chat_session_user"
        ),
    ]
