"""The sessions that there are tell whose they are."""

from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing
from django.db import migrations, transaction

PIECE = 1000
# What Django signs sessions with (SessionBase.key_salt of a class called SessionStore).
SALT = "django.contrib.sessions.SessionStore"
UPDATE = 'UPDATE django_session SET "user" = %s WHERE session_key = %s'


def user_of(data):
    """Return the user whom a session names, 0 for nobody, None where the session cannot be read with this key."""
    try:
        found = signing.loads(data, salt=SALT, serializer=JSONSerializer)
    except Exception:  # Of another key, or no session at all: what this machine cannot read is looked into later.
        return None
    named = str(found.get("_auth_user_id"))
    return int(named) if named.isdecimal() else 0


def carry_over(apps, schema_editor):
    """Write down whose the sessions are that there are."""
    sessions = apps.get_model("chat", "UserSession").objects
    after = ""
    # By the key, which is indexed: each row is read once.
    while rows := list(sessions.filter(session_key__gt=after).order_by("session_key")[:PIECE]):
        after = rows[-1].session_key
        found = [(user_of(row.session_data), row.session_key) for row in rows if row.user is None]
        known = [(user, key) for user, key in found if user is not None]
        with transaction.atomic(), schema_editor.connection.cursor() as cursor:
            cursor.executemany(UPDATE, known)


class Migration(migrations.Migration):
    # A piece after the other: one transaction over all would keep people waiting who sign in meanwhile.
    atomic = False

    dependencies = [("chat", "0010_users_of_sessions")]

    operations = [migrations.RunPython(carry_over, migrations.RunPython.noop)]
