"""One key for one emoji: reactions that differ only in U+FE0E and U+FE0F become one, fully qualified."""

import json
import re
import secrets

from django.db import migrations, transaction

BATCH = 500
# As in chat/wire/emoji.py: emoji that are drawn as text unless U+FE0F follows.
TEXT_BY_DEFAULT = (
    "A9 AE 203C 2049 2122 2139 2194-2199 21A9-21AA 2328 23CF 23ED-23EF 23F1-23F2 23F8-23FA 24C2 25AA-25AB 25B6 25C0 "
    "25FB-25FC 2600-2604 260E 2611 2618 261D 2620 2622-2623 2626 262A 262E-262F 2638-263A 2640 2642 265F-2660 2663 "
    "2665-2666 2668 267B 267E 2692 2694-2697 2699 269B-269C 26A0 26A7 26B0-26B1 26C8 26CF 26D1 26D3 26E9 26F0-26F1 "
    "26F4 26F7-26F9 2702 2708-2709 270C-270D 270F 2712 2714 2716 271D 2721 2733-2734 2744 2747 2763-2764 27A1 "
    "2934-2935 2B05-2B07 3030 303D 3297 3299 1F170-1F171 1F17E-1F17F 1F202 1F237 1F321 1F324-1F32C 1F336 1F37D "
    "1F396-1F397 1F399-1F39B 1F39E-1F39F 1F3CB-1F3CE 1F3D4-1F3DF 1F3F3 1F3F5 1F3F7 1F43F 1F441 1F4FD 1F549-1F54A "
    "1F56F-1F570 1F573-1F579 1F587 1F58A-1F58D 1F590 1F5A5 1F5A8 1F5B1-1F5B2 1F5BC 1F5C2-1F5C4 1F5D1-1F5D3 "
    "1F5DC-1F5DE 1F5E1 1F5E3 1F5E8 1F5EF 1F5F3 1F5FA 1F6CB 1F6CD-1F6CF 1F6E0-1F6E5 1F6E9 1F6F0 1F6F3 "
)
BOUNDS = (["\\U" + bound.zfill(8) for bound in each.split("-")] for each in TEXT_BY_DEFAULT.split())
BARE = re.compile(
    "[" + "".join("-".join(bounds) for bounds in BOUNDS) + "](?![\U0001f3fb-\U0001f3ff])|[#*0-9](?=\u20e3)"
)
MAX_CHARACTERS = 16


def qualified(emoji):
    key = emoji.replace("\ufe0e", "").replace("\ufe0f", "")
    full = BARE.sub("\\g<0>\ufe0f", key)
    return full if len(full) <= MAX_CHARACTERS else key


def joined(text):
    """Return reactions as they are stored, with one emoji for all its spellings; what needs no change as it is."""
    reactions, together = json.loads(text), {}
    for emoji, ids in reactions.items():
        together.setdefault(qualified(emoji), []).extend(ids)
    if list(together) == list(reactions):
        return text
    together = {emoji: list(dict.fromkeys(ids)) for emoji, ids in together.items()}
    return json.dumps(together, ensure_ascii=False, separators=(",", ":"))


def join_spellings(apps, schema_editor):
    """Rewrite what is stored, a batch at a time; rooms with such messages get new epochs, so that clients start over.

    A batch is one transaction, so a migration that was killed goes on where it stood.
    """
    messages = apps.get_model("chat", "Message").objects.using(schema_editor.connection.alias)
    rooms = apps.get_model("chat", "Room").objects.using(schema_editor.connection.alias)
    last = 0
    while found := list(messages.filter(pk__gt=last).exclude(reactions="").order_by("pk")[:BATCH].values_list("pk", "room_id", "reactions")):
        last = found[-1][0]
        stale = {pk: room for pk, room, text in found if joined(text) != text}
        if stale:
            rewrite(messages.filter(pk__in=stale), rooms.filter(pk__in=set(stale.values())))


def rewrite(messages, rooms):
    with transaction.atomic(using=rooms.db):
        # In order of id, as the writer locks them; what it has written meanwhile is read after that.
        locked = list(rooms.order_by("pk").select_for_update())
        for message in messages.only("reactions"):
            messages.filter(pk=message.pk).update(reactions=joined(message.reactions))
        for room in locked:
            rooms.filter(pk=room.pk).update(epoch=secrets.token_hex(8))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("chat", "0007_leaving")]

    operations = [migrations.RunPython(join_spellings, migrations.RunPython.noop, elidable=True)]
