"""A person's own data: taken along whole, and erased without a trace of the name."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from axes.models import AccessAttempt
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import AsyncClient, Client
from django.utils import timezone

from chat import locks, own_data, people
from chat.models import Invalidation, Invitation, Membership, Message, Profile, PutOut, Room
from chat.rooms import erasing, own
from chat.rooms.changes import Change, React, Write
from chat.rooms.log import commit
from chat.rooms.opening import open_direct
from chat.rooms.titles import title_for
from chat.wire.codes import Error, WireError
from chat.wire.events import Person
from tests.saying import NOON, Turns, make
from tests.stores import unique

pytestmark = pytest.mark.django_db

PASSWORD = "a long and good one"


@pytest.fixture(autouse=True)
def turns(settings: Any) -> Turns:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.TURN = Turns()
    return settings.TURN


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root", "", PASSWORD)


@pytest.fixture
def ada(root: User) -> User:
    """Somebody with two messages, a membership and two browsers."""
    user = User.objects.create_user("ada", "ada@example.com", PASSWORD)
    profile = people.begin(user, "Ada")
    tea = Room.objects.create(slug="tea", title="Tea")
    Membership.objects.create(room=tea, user=user, role="owner", read=1)
    for number, text in enumerate(("first", "second\nline")):
        person = Person(f"user:{user.pk}", profile.name, "user")
        make(Write(room="tea", author=person, key=f"own-data-{number}", done=print, text=text, address="192.0.2.1:1"))
    other = Person(f"user:{root.pk}", "root", "user")
    make(Write(room="tea", author=other, key="own-data-other", done=print, text="not hers"))
    return user


@pytest.fixture
def inside(client: Client, ada: User) -> Client:
    client.force_login(ada)
    return client


def silent(*told: object) -> None: ...


def opened(file: bytes) -> dict[str, Any]:
    """Return what is in an export: JSON by name, of lines a list."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    return {
        name: [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)
        for name, text in texts.items()
    }


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


# Export


def test_an_export_holds_all_that_is_kept_of_a_person_and_nothing_of_others(inside: Client, ada: User) -> None:
    file = io.BytesIO()
    assert own_data.export(ada, file, silent) == 2
    found = opened(file.getvalue())
    assert set(found) == {
        *("profile.json", "memberships.json", "invitations.json", "sessions.json"),
        *("messages.jsonl", "reactions.jsonl"),
    }
    at = "2026-05-28T20:26:40+00:00"
    assert found["messages.jsonl"] == [
        {"room": "tea", "message": 1, "at": at, "text": "first", "address": "192.0.2.1:1"},
        {"room": "tea", "message": 2, "at": at, "text": "second\nline", "address": "192.0.2.1:1"},
    ]
    person = found["profile.json"]
    assert (person["username"], person["name"], person["email"]) == ("ada", "Ada", "ada@example.com")
    (membership,) = (it for it in found["memberships.json"] if it["room"] != "lobby")
    assert (membership["room"], membership["role"], membership["read"]) == ("tea", "owner", 1)
    assert [set(it) for it in found["sessions.json"]] == [{"expires_at"}]
    everything = str(found)
    assert "not hers" not in everything
    assert str(inside.session.session_key) not in everything, "who holds the file is not signed in by it"
    assert ada.password not in everything


def test_an_export_holds_what_a_provider_told_the_links_one_made_and_ones_reactions(ada: User, root: User) -> None:
    User.objects.filter(pk=ada.pk).update(first_name="Ada", last_name="Lovelace")
    ada.refresh_from_db()
    SocialAccount.objects.create(user=ada, provider="sso", uid="sub-1", extra_data={"name": "Ada L."})
    EmailAddress.objects.create(user=ada, email="ada@example.com", verified=True, primary=True)
    tea = Room.objects.get(slug="tea")
    Invitation.objects.create(room=tea, digest="a" * 64, created_by=ada, expires_at=timezone.now(), uses=3, used=1)
    Invitation.objects.create(room=tea, digest="b" * 64, created_by=root, expires_at=timezone.now())
    PutOut.objects.create(room=Room.objects.get(slug="lobby"), user=ada, last=1)
    for user, emoji in ((ada, "👍"), (ada, "🎉"), (root, "🙂")):
        person = Person(f"user:{user.pk}", "", "user")
        make(React(room="tea", author=person, key=unique(), done=print, message=3, emoji=emoji, on=True))
    file = io.BytesIO()
    own_data.export(ada, file, silent)
    found = opened(file.getvalue())
    person = found["profile.json"]
    assert (person["first_name"], person["last_name"]) == ("Ada", "Lovelace")
    assert person["email_addresses"] == [{"email": "ada@example.com", "verified": True, "primary": True}]
    (provider,) = person["single_sign_on"]
    assert (provider["provider"], provider["uid"], provider["extra_data"]) == ("sso", "sub-1", {"name": "Ada L."})
    links = found["invitations.json"]
    assert [(it["room"], it["uses"], it["used"]) for it in links["made"]] == [("tea", 3, 1)]
    assert links["put_out"] == [{"room": "lobby"}]
    assert found["reactions.jsonl"] == [
        {"room": "tea", "message": 3, "emoji": "👍"},
        {"room": "tea", "message": 3, "emoji": "🎉"},
    ]
    assert "a" * 64 not in str(found)


def test_times_are_to_the_millisecond(ada: User) -> None:
    Message.objects.update(at=NOON + 7, edited_at=NOON + 8)
    file = io.BytesIO()
    own_data.export(ada, file, silent)
    first = opened(file.getvalue())["messages.jsonl"][0]
    assert (first["at"], first["edited_at"]) == ("2026-05-28T20:26:40.007000+00:00", "2026-05-28T20:26:40.008000+00:00")


@pytest.mark.django_db(transaction=True)
async def test_the_page_hands_the_file_out_for_the_password(ada: User) -> None:
    client = AsyncClient()
    await client.aforce_login(ada)
    wrong = await client.post("/accounts/export/", {"password": "wrong"})
    assert "This is not your password." in text(wrong)
    answer = await client.post("/accounts/export/", {"password": PASSWORD})
    assert answer["Content-Type"] == "application/zip"
    assert re.fullmatch(r'attachment; filename="chat-\d{4}-\d\d-\d\d\.zip"', answer["Content-Disposition"])
    body = b"".join([part async for part in answer.streaming_content])  # type: ignore[attr-defined]
    assert len(body) == int(answer["Content-Length"])
    assert len(opened(body)["messages.jsonl"]) == 2


def test_the_password_cannot_be_guessed_there_either(inside: Client, ada: User, settings: Any) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = inside.post("/accounts/export/", {"password": "wrong"})
    assert answer.status_code == 429
    assert inside.post("/accounts/export/", {"password": PASSWORD}).status_code == 429


def test_the_command_writes_a_file_that_only_its_owner_may_read(ada: User, tmp_path: Path) -> None:
    path, out = tmp_path / "ada.zip", io.StringIO()
    call_command("export_person", "ada", str(path), stdout=out)
    assert out.getvalue() == "ada: 2 messages\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(opened(path.read_bytes())["messages.jsonl"]) == 2
    assert [it.name for it in tmp_path.iterdir()] == ["ada.zip"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody", "x.zip"), "There is no account 'nobody'."),
        (("ada", "no/such/place.zip"), "no/such/place.zip cannot be written"),
    ],
)
def test_an_export_that_cannot_be_says_why(
    ada: User, arguments: tuple[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CommandError, match=re.escape(said)):
        call_command("export_person", *arguments)
    assert list(tmp_path.iterdir()) == []


# Erasure


def erased(client: Client, **fields: str) -> Any:
    form = {"messages": "keep", "confirmation": "erase", "password": PASSWORD}
    return client.post("/accounts/erase/", {**form, **fields}, follow=True)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"password": "wrong"}, "This is not your password."),
        ({"confirmation": "yes"}, "Expected “erase”, got “yes”."),
        ({"messages": "sell"}, "Select a valid choice"),
        ({"messages": ""}, "This field is required."),
        ({"password": ""}, "This field is required."),
    ],
)
def test_nothing_is_erased_by_a_form_that_is_not_right(inside: Client, fields: dict[str, str], said: str) -> None:
    assert said in text(erased(inside, **fields))
    assert User.objects.filter(username="ada", is_active=True).exists()


@pytest.mark.parametrize(("messages", "kept"), [("keep", ["first", "second\nline"]), ("remove", [None, None])])
def test_who_erases_themselves_is_gone_and_their_messages_are_nobodys(
    inside: Client, ada: User, messages: str, kept: list[str | None]
) -> None:
    answer = erased(inside, messages=messages, confirmation=" Erase ")
    assert "Your account is gone" in text(answer)
    assert "2 messages changed" in text(answer)
    assert not User.objects.filter(username="ada").exists()
    assert [Profile.objects.count(), Membership.objects.count(), Session.objects.count()] == [0, 0, 0]
    rows = list(Message.objects.order_by("number").values_list("author", "name", "text"))
    assert [text for *_, text in rows] == [*kept, "not hers"]
    assert {name for _, name, _ in rows[:2]} == {"deleted user"}
    assert rows[0][0] == rows[1][0] and re.fullmatch("gone:[0-9a-f]{16}", rows[0][0])
    assert inside.get("/accounts/profile/").status_code == 302


def test_the_account_is_closed_before_and_deleted_after_everything_else(
    ada: User, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Client().force_login(ada)

    def fail(*arguments: object) -> Any:
        user = User.objects.get(pk=ada.pk)
        assert not user.is_active
        assert not list(own_data.sessions_of(user.pk))
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(own_data.erasing, "erase", fail)
    with pytest.raises(RuntimeError):
        own_data.erase(ada, Turns(), silent, keep=True)
    monkeypatch.undo()
    assert own_data.erase(User.objects.get(pk=ada.pk), Turns(), silent, keep=True) == 2
    assert not User.objects.filter(pk=ada.pk).exists()


def test_once_an_account_is_gone_no_process_writes_anything_of_it(ada: User, root: User) -> None:
    person = Person(f"user:{ada.pk}", "Ada", "user")
    own_data.erase(ada, Turns(), silent, keep=True)
    late: list[Change] = [
        Write(room="tea", author=person, key="own-data-late", done=print, text="still here"),
        React(room="tea", author=person, key="own-data-later", done=print, message=3, emoji="👍", on=True),
    ]
    outcomes = commit(late, NOON)
    assert [isinstance(it, WireError) and it.code for it in outcomes] == [Error.FORBIDDEN, Error.FORBIDDEN]
    assert not Message.objects.filter(author=person.id).exists()
    assert not Message.objects.filter(name="Ada").exists()


def test_nothing_is_taken_from_the_moment_that_an_account_is_closed_to_be_erased(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(f"user:{ada.pk}", "Ada", "user")
    passed = erasing.concerned

    def write_first(room: int, author: str, after: int) -> list[int]:
        (outcome,) = commit([Write(room="tea", author=person, key=unique(), done=print, text="quick")], NOON)
        assert isinstance(outcome, WireError)
        return passed(room, author, after)

    monkeypatch.setattr(erasing, "concerned", write_first)
    assert own_data.erase(ada, Turns(), silent, keep=True) == 2
    assert Message.objects.count() == 3


def test_what_was_read_before_it_was_erased_may_be_erased_again(ada: User) -> None:
    stale, staler = User.objects.get(pk=ada.pk), User.objects.get(pk=ada.pk)
    own_data.close(stale, Turns())
    own_data.close(staler, Turns())
    assert own_data.erase(ada, Turns(), silent, keep=True) == 2
    assert own_data.erase(stale, Turns(), silent, keep=False) == 0
    own_data.close(staler, Turns())
    own_data.delete(staler, Turns())
    assert not User.objects.filter(pk=stale.pk).exists()
    assert Message.objects.filter(name="deleted user", text=None).count() == 0


def test_no_form_that_holds_an_account_writes_it_while_it_goes(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []
    monkeypatch.setattr(locks, "hold", held.append)
    own_data.close(ada, Turns())
    assert held == [locks.ADMINISTRATORS, locks.NAMES]
    own_data.delete(ada, Turns())
    assert held[2:] == [locks.NAMES]


def test_sessions_that_ran_out_and_a_late_one_go_too(ada: User, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    Client().force_login(ada)
    Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
    Client().force_login(root)
    left = erasing.leave

    def sign_in_meanwhile(user: int, turn: Any) -> int:
        assert Session.objects.count() == 1
        Client().force_login(ada)
        return left(user, turn)

    monkeypatch.setattr(erasing, "leave", sign_in_meanwhile)
    own_data.erase(ada, Turns(), silent, keep=True)
    assert [it.get_decoded()["_auth_user_id"] for it in Session.objects.all()] == [str(root.pk)]


def test_no_conversation_is_called_after_who_is_gone(ada: User, root: User) -> None:
    third = User.objects.create_user("cem")
    pair, three = (open_direct(ada.pk, others) for others in ([root.pk], [root.pk, third.pk]))
    assert title_for(pair, root.pk) == own.rooms_of([root.pk])[root.pk][pair.slug].title == "Ada"
    own_data.erase(ada, Turns(), silent, keep=True)
    for room, title in ((pair, "deleted user"), (three, "cem")):
        room.refresh_from_db()
        assert title_for(room, root.pk) == own.rooms_of([root.pk])[root.pk][room.slug].title == title
        assert "Ada" not in room.title


def test_the_name_is_gone_from_what_is_logged(ada: User, root: User) -> None:
    AccessAttempt.objects.create(username="ada", ip_address="192.0.2.1", failures_since_start=1)
    about = ContentType.objects.get_for_model(User)
    changed = '[{"changed": {"name": "profile", "object": "Ada", "fields": ["Colour"]}}]'
    for row in (ada, root):
        LogEntry.objects.create(
            user=root,
            content_type=about,
            object_id=str(row.pk),
            object_repr=row.username,
            action_flag=CHANGE,
            change_message=changed,
        )
    own_data.erase(ada, Turns(), silent, keep=True)
    assert not AccessAttempt.objects.exists()
    logged = LogEntry.objects.order_by("pk").values_list("object_repr", "change_message")
    assert list(logged) == [("deleted user", ""), ("root", changed)]


def test_every_process_is_told(ada: User, django_capture_on_commit_callbacks: Any) -> None:
    pk = ada.pk
    with django_capture_on_commit_callbacks(execute=True):
        own_data.erase(ada, Turns(), silent, keep=True)
    assert {row.user for row in Invalidation.objects.all()} == {pk}


def test_the_only_administrator_stays_while_there_are_others(client: Client, root: User, ada: User) -> None:
    client.force_login(root)
    for answer in (client.get("/accounts/erase/"), erased(client)):
        assert "You are the only administrator here" in text(answer)
    with pytest.raises(CommandError, match="the only administrator"):
        call_command("erase_person", "root", "--messages", "keep")
    assert User.objects.get(username="root").is_active
    User.objects.create_superuser("second")
    call_command("erase_person", "root", "--messages", "keep", stdout=io.StringIO())
    assert not User.objects.filter(username="root").exists()


def test_the_last_of_all_may_go(root: User) -> None:
    call_command("erase_person", "root", "--messages", "remove", stdout=io.StringIO())
    assert not User.objects.exists()


def test_the_command_says_what_it_did_and_to_whom_it_could_not(ada: User) -> None:
    out = io.StringIO()
    call_command("erase_person", "ada", "--messages", "remove", stdout=out)
    assert out.getvalue() == "ada: erased; 2 messages changed\n"
    with pytest.raises(CommandError, match="There is no account 'ada'"):
        call_command("erase_person", "ada", "--messages", "remove")
    with pytest.raises(CommandError, match="--messages"):
        call_command("erase_person", "ada")


def test_who_has_no_password_here_has_signed_in_lately(inside: Client, ada: User) -> None:
    ada.set_unusable_password()
    ada.save()
    inside.force_login(ada)
    assert "password" not in text(inside.get("/accounts/erase/"))
    User.objects.filter(pk=ada.pk).update(last_login=timezone.now() - timedelta(minutes=11))
    assert "sign in again" in text(erased(inside))
    assert User.objects.filter(pk=ada.pk).exists()
    User.objects.filter(pk=ada.pk).update(last_login=timezone.now())
    assert "Your account is gone" in text(erased(inside))
