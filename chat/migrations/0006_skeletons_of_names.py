"""Skeletons anew: dots and marks that nobody sees are folded, which they were not before."""

from django.db import migrations

from chat.wire.skeletons import MAX_SKELETON_CHARACTERS, skeleton


def recompute(apps, schema_editor):
    """Give every profile the skeleton of its name; of those that have the same by now one has it.

    The others, who were called so before it was known to look alike, keep their names, and have it with their number
    behind a space, which is in no skeleton. So whoever takes a name later can take neither.
    """
    profiles = apps.get_model("chat", "Profile").objects
    rows = [(pk, old, skeleton(name)) for pk, name, old in profiles.values_list("pk", "name", "skeleton").order_by("pk")]
    # Who is called so without any tricks comes first.
    rows.sort(key=lambda row: row[1] != row[2])
    taken, changed = set(), {}
    for pk, old, new in rows:
        kept = new if new not in taken else apart(new, pk)
        taken.add(kept)
        if kept != old:
            changed[pk] = kept
    for pk in changed:
        profiles.filter(pk=pk).update(skeleton=apart("", pk))  # Out of the way of those that come into its place.
    for pk, kept in changed.items():
        profiles.filter(pk=pk).update(skeleton=kept)


def apart(text, number):
    suffix = f" {number}"
    return text[: MAX_SKELETON_CHARACTERS - len(suffix)] + suffix


class Migration(migrations.Migration):
    dependencies = [("chat", "0005_people")]

    operations = [migrations.RunPython(recompute, migrations.RunPython.noop)]
