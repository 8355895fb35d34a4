"""People: profiles, memberships, invitations, tickets; and who may do what in a room."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


def make_moderators(apps, schema_editor):
    """Make the group whose members moderate every room."""
    apps.get_model("auth", "Group").objects.get_or_create(name="Site moderators")


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0004_durable_rooms'),
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Invalidation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user', models.BigIntegerField()),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), db_index=True)),
            ],
        ),
        migrations.AddField(
            model_name='room',
            name='archived',
            field=models.BooleanField(default=False, help_text='On: the room can be read, and nothing changes in it.'),
        ),
        migrations.AddField(
            model_name='room',
            name='guests',
            field=models.BooleanField(default=True, help_text='On: a public room is open to people who are not signed in, too.', verbose_name='guests may enter'),
        ),
        migrations.AddField(
            model_name='room',
            name='kind',
            field=models.CharField(choices=[('public', 'Public: everybody may read'), ('members', 'Members only'), ('direct', 'Direct: a conversation of two people or a few')], default='public', max_length=16),
        ),
        migrations.AddField(
            model_name='room',
            name='party',
            field=models.CharField(editable=False, max_length=64, null=True, unique=True),
        ),
        migrations.AddField(
            model_name='room',
            name='posting',
            field=models.CharField(choices=[('everyone', 'Everybody who may read'), ('signed-in', 'Who is signed in'), ('members', 'Members'), ('moderators', 'Moderators: a room for announcements')], default='everyone', max_length=16, verbose_name='who may write'),
        ),
        migrations.AlterField(
            model_name='message',
            name='room',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='chat.room'),
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('expires_at', models.DateTimeField()),
                ('uses', models.PositiveIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)])),
                ('used', models.PositiveIntegerField(default=0)),
                ('created_by', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to=settings.AUTH_USER_MODEL)),
                ('room', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='chat.room')),
            ],
            options={
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='Profile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('skeleton', models.CharField(editable=False, max_length=160, unique=True)),
                ('colour', models.PositiveSmallIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(11)])),
                ('time_zone', models.CharField(blank=True, max_length=64)),
                ('language', models.CharField(blank=True, max_length=16)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='profile', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Ticket',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('session', models.CharField(blank=True, max_length=40)),
                ('origin', models.CharField(blank=True, max_length=255)),
                ('expires_at', models.DateTimeField(db_index=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tickets', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('member', 'Member'), ('moderator', 'Moderator'), ('owner', 'Owner')], default='member', max_length=16)),
                ('read', models.BigIntegerField(default=0)),
                ('since', models.DateTimeField(auto_now_add=True)),
                ('room', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='chat.room')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['room', 'user'],
                'constraints': [models.UniqueConstraint(fields=('room', 'user'), name='membership_of_user_in_room')],
            },
        ),
        migrations.RunPython(make_moderators, migrations.RunPython.noop),
    ]
