"""Every form that writes, sent twice at once and once more after: no failure, one row, and all are led to the same place."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from chat import people, set_up
from chat.models import AllowedOrigin, Broadcast, Invitation, Membership, Profile, Room, SentForm
from chat.models.invitation import digest
from chat.pages import once
from chat.throttle import Throttle
from tests.forms import Form, forms_of
from tests.stores import Store, store  # noqa: F401  (a fixture)
from tests.together import at_once

PASSWORD, ANOTHER = "a long and good one", "another long and good one"
NEW = {"password1": PASSWORD, "password2": PASSWORD}
RENEWED = {"new_password1": ANOTHER, "new_password2": ANOTHER}


class World:
    """People and a room on an empty store."""

    def __init__(self) -> None:
        tables = [model._meta.db_table for model in (LogEntry, Broadcast, AllowedOrigin)]
        with connection.cursor() as cursor:
            for table in (*tables, *USERS):
                cursor.execute(f"DELETE FROM {table}")
            cursor.execute("DELETE FROM chat_room WHERE slug NOT IN ('lobby', 'crowd')")
        Room.objects.get_or_create(slug="lobby", defaults={"title": "Lobby"})

    def user(self, name: str, **fields: Any) -> User:
        user = User.objects.create_user(name, f"{name}@example.com", PASSWORD, **fields)
        people.begin(user, name.capitalize())
        return user

    def room(self, owner: User, *members: User) -> Room:
        room = Room.objects.create(slug="tea", title="Tea", kind="members", guests=False)
        Membership.objects.create(room=room, user=owner, role="owner")
        Membership.objects.bulk_create(Membership(room=room, user=user) for user in members)
        return room


USERS = (
    *("chat_invalidation", "chat_ticket", "chat_putout", "chat_invitation", "chat_membership", "chat_profile"),
    *("chat_message", "chat_erased", "account_emailaddress", "socialaccount_socialaccount", "django_session"),
    *(
        "django_admin_log",
        "chat_sentform",
        "axes_accessattempt",
        "auth_user_groups",
        "auth_user_user_permissions",
        "auth_user",
    ),
)


@pytest.fixture
def world(store: Store, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:  # noqa: F811
    settings.PASSWORD_HASHERS = ["tests.hashing.Fast"]
    monkeypatch.setattr("chat.admin.broadcast.send_now", lambda row: None)
    for throttle in ("mails", "resets", "sign_ups"):
        monkeypatch.setattr(f"chat.throttle.{throttle}", Throttle(1000))
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mail.outbox = []
    yield World()


@dataclass
class Case:
    """A form, and what is seen of it: `count` is 1 once it is done."""

    name: str
    path: Callable[[World, Client], str]
    names: tuple[str, ...]
    typed: dict[str, str]
    count: Callable[[], int]
    leads_to: str = ""
    button: tuple[str, str] | None = None
    action: str = field(default="", kw_only=True)
    signed_in: bool = field(default=True, kw_only=True)


def signed_in(client: Client, user: User) -> User:
    client.force_login(user)
    return user


def as_cem(path: str) -> Callable[[World, Client], str]:
    """Return what signs Cem in, a member of Ada's room."""

    def go(world: World, client: Client) -> str:
        world.room(world.user("ada"), signed_in(client, world.user("cem")))
        return path

    return go


def as_ada(path: str, **fields: Any) -> Callable[[World, Client], str]:
    """Return what signs Ada in, with Bob beside her, and in a room of hers with Cem."""

    def go(world: World, client: Client) -> str:
        ada, bob, cem = world.user("ada", **fields), world.user("bob"), world.user("cem")
        room = world.room(ada, cem)
        Room.objects.create(slug="open", title="Open")
        news = Broadcast.objects.create(name="News", room=room, template="News", interval=60, enabled=False)
        signed_in(client, ada)
        return path.format(ada=ada.pk, bob=bob.pk, cem=cem.pk, room=room.pk, news=news.pk)

    return go


def as_admin(path: str) -> Callable[[World, Client], str]:
    return as_ada(path, is_staff=True, is_superuser=True)


def stranger(path: str) -> Callable[[World, Client], str]:
    def go(world: World, client: Client) -> str:
        world.user("ada")
        return path

    return go


def first_start(world: World, client: Client) -> str:
    return set_up.link("")


def reset_link(world: World, client: Client) -> str:
    world.user("ada")
    client.post("/accounts/password/reset/", {"email": "ada@example.com"})
    found = re.search(r"http://[^/]+(/\S+)", str(mail.outbox[0].body))
    assert found
    return client.get(found[1])["Location"]


def invited(world: World, client: Client) -> str:
    ada, bob = world.user("ada"), world.user("bob")
    invite(world.room(ada), ada)
    signed_in(client, bob)
    return f"/invitations/{TOKEN}/"


def withdrawing(world: World, client: Client) -> str:
    ada = signed_in(client, world.user("ada"))
    invite(world.room(ada), ada)
    return "/rooms/tea/invitations/"


TOKEN = "a-token-of-the-tests"


def invite(room: Room, by: User) -> None:
    until = timezone.now() + timedelta(days=1)
    room.invitations.create(digest=digest(TOKEN), created_by=by, expires_at=until)


def users(**fields: Any) -> Callable[[], int]:
    return lambda: User.objects.filter(**fields).count()


def rooms(**fields: Any) -> Callable[[], int]:
    return lambda: Room.objects.filter(**fields).count()


def has_password(name: str, password: str) -> Callable[[], int]:
    return lambda: int(User.objects.get(username=name).check_password(password))


def ran(text: str) -> Callable[[], int]:
    return lambda: LogEntry.objects.filter(change_message__contains=text).count()


# The form that goes to its own page.
OWN = "own"
SIGN_UP = {"username": "grace", "name": "Grace", **NEW}
ROLE = ("user", "role")
CASES = [
    Case("sign-up", stranger("/accounts/sign-up/"), ("username",), SIGN_UP, users(username="grace"), "/"),
    Case("sign-up without a name", stranger("/accounts/sign-up/"), ("username",), {**SIGN_UP, "name": ""},
         users(username="grace"), "/"),
    Case("set-up", first_start, ("username",), {"username": "root", **NEW}, users(is_superuser=True), "/"),
    Case("sign-in", stranger("/accounts/sign-in/"), ("username",), {"username": "ada", "password": PASSWORD},
         users(), "/"),
    Case("sign-out", as_ada("/rooms/"), (), {}, lambda: 1, "/", action="sign-out/", signed_in=False),
    Case("profile", as_ada("/accounts/profile/"), ("name",), {"name": "Ada L"},
         lambda: User.objects.filter(profile__name="Ada L").count(), "/accounts/profile/"),
    Case("another password", as_ada("/accounts/password/"), ("old_password",), {"old_password": PASSWORD, **RENEWED},
         has_password("ada", ANOTHER), "/accounts/profile/"),
    Case("forgotten password", stranger("/accounts/password/reset/"), ("email",), {"email": "ada@example.com"},
         lambda: len(mail.outbox), "/accounts/password/reset/sent/", signed_in=False),
    Case("password by link", reset_link, ("new_password1",), RENEWED, has_password("ada", ANOTHER),
         "/accounts/sign-in/", signed_in=False),
    Case("erase", as_ada("/accounts/erase/"), ("confirmation",),
         {"messages": "keep", "confirmation": "erase", "password": PASSWORD},
         lambda: 1 - users(username="ada")(), "/accounts/erased/", signed_in=False),
    Case("new room", as_ada("/rooms/new/"), ("title",), {"title": "Coffee"}, rooms(title="Coffee"), "/rooms/coffee"),
    Case("new room without Latin letters", as_ada("/rooms/new/"), ("title",), {"title": "咖啡"}, rooms(title="咖啡")),
    Case("new conversation", as_ada("/direct/new/"), ("with",), {"with": "{bob}"}, rooms(kind="direct")),
    Case("add a member", as_ada("/rooms/tea/members/"), ("name", "role"), {"name": "Bob"},
         lambda: Membership.objects.filter(room__slug="tea", user__username="bob").count(), "/rooms/tea/members/",
         ("role", "member")),
    Case("change a role", as_ada("/rooms/tea/members/"), ROLE, {},
         lambda: Membership.objects.filter(user__username="cem", role="moderator").count(), "/rooms/tea/members/",
         ("role", "moderator")),
    Case("remove a member", as_ada("/rooms/tea/members/"), ROLE, {},
         lambda: 1 - Membership.objects.filter(room__slug="tea", user__username="cem").count(), "/rooms/tea/members/",
         ("role", "")),
    Case("room settings", as_ada("/rooms/tea/settings/"), ("title",), {"title": "Green tea"},
         rooms(title="Green tea"), "/rooms/tea/settings/"),
    Case("archive", as_ada("/rooms/tea/settings/"), ("do",), {}, rooms(slug="tea", archived=True),
         "/rooms/tea/settings/", ("do", "archive")),
    Case("leave", as_cem("/rooms/tea/members/"), ROLE, {},
         lambda: 1 - Membership.objects.filter(user__username="cem", room__slug="tea").count(), "/rooms/",
         ("role", "")),
    Case("join", as_ada("/rooms/open/members/"), (), {}, Membership.objects.filter(room__slug="open").count,
         "/rooms/open", action="join/"),
    Case("use an invitation", invited, (), {}, lambda: Invitation.objects.get().used, "/rooms/tea", action=OWN),
    Case("withdraw an invitation", withdrawing, ("withdraw",), {}, lambda: 1 - Invitation.objects.count(),
         "/rooms/tea/invitations/"),
    Case("invitation", as_ada("/rooms/tea/invitations/"), ("hours",), {}, Invitation.objects.count),
    Case("admin: add a room", as_admin("/admin/chat/room/add/"), ("slug",), {"slug": "milk", "title": "Milk"},
         rooms(slug="milk"), "/admin/chat/room/", ("_save", "Save")),
    Case("admin: add an origin", as_admin("/admin/chat/allowedorigin/add/"), ("pattern",),
         {"pattern": "https://example.com"}, AllowedOrigin.objects.count, "/admin/chat/allowedorigin/",
         ("_save", "Save")),
    Case("admin: add a broadcast", as_admin("/admin/chat/broadcast/add/"), ("template",),
         {"name": "Weather", "room": "{room}", "template": "It is {{time}}", "interval": "10"}, Broadcast.objects.filter(name="Weather").count,
         "/admin/chat/broadcast/", ("_save", "Save")),
    Case("admin: add a user", as_admin("/admin/auth/user/add/"), ("username",),
         {"username": "grace", "usable_password": "true", **NEW}, users(username="grace"), "", ("_save", "Save")),
    Case("admin: change a user", as_admin("/admin/auth/user/{bob}/change/"), ("username",), {"first_name": "Robert"},
         lambda: LogEntry.objects.count(), "/admin/auth/user/", ("_save", "Save")),
    Case("admin: another's password", as_admin("/admin/auth/user/{bob}/password/"), ("password1",),
         {"password1": ANOTHER, "password2": ANOTHER, "usable_password": "true"}, LogEntry.objects.count, "",
         ("set-password", "x")),
    Case("admin: send a broadcast", as_admin("/admin/chat/broadcast/{news}/change/"), ("csrfmiddlewaretoken",), {},
         LogEntry.objects.count, "", action="send/"),
    Case("admin: delete a room", as_admin("/admin/chat/room/{room}/delete/"), ("post",), {},
         lambda: 1 - rooms(slug="tea")(), "/admin/chat/room/"),
]  # fmt: skip


@dataclass
class Answer:
    status: int
    location: str
    text: str
    client: Client


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.get("Location"))
    return answer.content.decode()


def again(client: Client) -> Client:
    """Return the same browser, as it is now."""
    other = Client(raise_request_exception=False)
    other.cookies = copy.deepcopy(client.cookies)
    return other


def send(client: Client, path: str, data: dict[str, list[str]]) -> Answer:
    answer = client.post(path, data)
    return Answer(answer.status_code, answer.get("Location", ""), answer.content.decode(errors="replace"), client)


def form_for(page: str, case: Case) -> Form:
    """Return a case's form: the one with these names, and with its action where one is told."""
    for form in forms_of(page):
        if (
            form.method == "post"
            and set(case.names) <= form.names
            and (form.action.endswith(case.action) if case.action != OWN else not form.action)
        ):
            return form
    raise AssertionError(f"no form with {case.names} in {page[:3000]}")


def action_of(form: Form, path: str) -> str:
    """Return where a form goes."""
    return urljoin(f"http://testserver{path}", form.action).removeprefix("http://testserver") if form.action else path


def prepared(case: Case, world: World, client: Client) -> tuple[str, dict[str, list[str]]]:
    """Return where a case's form goes, and with what."""
    path = case.path(world, client)
    form = form_for(page(client, path), case)
    pks = {user.username: user.pk for user in User.objects.all()}
    pks |= {"room": Room.objects.filter(slug="tea").values_list("pk", flat=True).first() or 0}
    typed = {name: value.format(**pks) for name, value in case.typed.items()}
    named = next((button for button in form.buttons if button[0] and button[0] in case.names), None)
    return action_of(form, path), form.filled(typed, case.button or named)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_form_that_is_sent_again_is_done_once_and_leads_to_the_same_place(world: World, case: Case) -> None:
    client = Client(raise_request_exception=False)
    path, data = prepared(case, world, client)
    browsers = [again(client) for _ in range(3)]
    answers = at_once(*(lambda it=it: send(it, path, data) for it in browsers[:2]))
    answers.append(send(browsers[2], path, data))
    assert max(answer.status for answer in answers) < 400, [(it.status, it.text[:300]) for it in answers]
    assert len({answer.location for answer in answers}) == 1, [answer.location for answer in answers]
    assert answers[0].location.startswith(case.leads_to)
    assert case.count() == 1
    if case.name == "invitation":
        assert len({form_value(answer.text, "link") for answer in answers}) == 1
    if case.signed_in:
        for answer in answers:
            assert answer.client.get("/accounts/profile/").status_code == 200, "whichever answer is shown, one is in"


def form_value(text: str, name: str) -> str:
    found = re.search(rf'id="{name}" value="([^"]+)"', text)
    assert found, text[:2000]
    return found[1]


def test_the_same_room_made_in_two_tabs_on_purpose_is_two(world: World) -> None:
    client = Client()
    path, first = prepared(next(case for case in CASES if case.name == "new room without Latin letters"), world, client)
    tab = form_for(page(client, path), Case("", stranger(""), ("title",), {}, rooms())).filled({"title": "咖啡"})
    answers = [send(again(client), path, data) for data in (first, tab, first, tab)]
    assert [it.location for it in answers[:2]] == [it.location for it in answers[2:]]
    assert rooms(title="咖啡")() == 2


def test_the_same_key_with_something_else_filled_in_is_another_form(world: World) -> None:
    client = Client()
    path, data = prepared(next(case for case in CASES if case.name == "new room"), world, client)
    for title in ("Coffee", "Water", "Coffee"):
        send(again(client), path, {**data, "title": [title]})
    assert rooms(title="Coffee")() == rooms(title="Water")() == 1


def test_another_persons_key_is_none_of_ones_own(world: World) -> None:
    client, other = Client(), Client()
    path, data = prepared(next(case for case in CASES if case.name == "new room without Latin letters"), world, client)
    other.force_login(User.objects.get(username="bob"))
    assert send(client, path, data).location != send(other, path, data).location
    assert rooms(title="咖啡")() == 2


def test_what_was_refused_may_be_sent_again(world: World) -> None:
    client = Client()
    path, data = prepared(next(case for case in CASES if case.name == "sign-in"), world, client)
    wrong = {**data, "password": ["another one"]}
    assert [send(again(client), path, it).status for it in (wrong, wrong, data)] == [200, 200, 302]
    assert SentForm.objects.count() == 1


def test_a_form_whose_server_died_over_it_is_done_by_who_sends_it_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    path, data = prepared(next(case for case in CASES if case.name == "new room"), world, client)
    monkeypatch.setattr(once, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr("chat.pages.once.remember", lambda *arguments: None)
    monkeypatch.setattr("chat.pages.rooms.open_room", lambda *arguments: Room(slug="never-made"))
    assert send(again(client), path, data).status == 302
    monkeypatch.undo()
    monkeypatch.setattr(once, "WAIT_SECONDS", 0.2)
    busy = again(client).post(path, data)
    assert (busy.status_code, busy["Retry-After"]) == (503, "5")
    SentForm.objects.update(at=timezone.now() - once.ABANDONED)
    assert send(again(client), path, data).location == "/rooms/coffee"
    assert rooms(title="Coffee")() == 1


def test_a_sign_up_that_another_request_has_taken_over_is_told_in_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    path, data = prepared(next(case for case in CASES if case.name == "sign-up"), world, client)
    made = people.make

    def slow(*arguments: Any) -> Any:
        SentForm.objects.update(claim="another")
        return made(*arguments)

    monkeypatch.setattr(people, "make", slow)
    answer = client.post(path, data)
    assert answer.status_code == 200
    assert "This form has been sent again meanwhile: look whether it is done." in answer.content.decode()
    assert User.objects.count() == 1 and Profile.objects.count() == 1


def test_an_invitation_that_was_withdrawn_is_not_made_again_by_its_form(world: World) -> None:
    client = Client()
    path, data = prepared(next(case for case in CASES if case.name == "invitation"), world, client)
    assert send(client, path, data).status == 200
    Invitation.objects.all().delete()
    answer = send(client, path, data)
    assert answer.status == 404 and "made and withdrawn again" in answer.text
    assert not Invitation.objects.exists()


def test_what_was_sent_is_forgotten_after_a_while(world: World) -> None:
    SentForm.objects.create(digest="old", claim="x", at=timezone.now() - timedelta(hours=2))
    client = Client()
    send(client, *prepared(next(case for case in CASES if case.name == "new room"), world, client))
    assert [row.answer != "" for row in SentForm.objects.all()] == [True]


def test_a_session_that_is_gone_takes_no_cookie_with_it_and_signing_out_does(world: World) -> None:
    client = Client()
    signed_in(client, world.user("ada"))
    late = again(client)
    Session.objects.all().delete()
    assert settings.SESSION_COOKIE_NAME not in late.get("/accounts/profile/").cookies
    signed_in(client, User.objects.get(username="ada"))
    assert client.post("/accounts/sign-out/").cookies[settings.SESSION_COOKIE_NAME].value == ""


@pytest.mark.parametrize(
    "path", ["/accounts/sign-up/", "/accounts/sign-in/", "/rooms/new/", "/rooms/tea/members/", "/admin/chat/room/add/",
             "/admin/auth/user/", "/accounts/erase/", "/direct/new/", "/rooms/tea/settings/"]
)  # fmt: skip
def test_every_form_has_a_key_of_its_own(world: World, path: str) -> None:
    client = Client()
    if not path.startswith("/accounts/sign"):
        as_admin("")(world, client)
    else:
        world.user("ada")
    keys = [form.fields.get("form_key", [""])[0] for form in forms_of(page(client, path)) if form.method == "post"]
    assert keys and all(len(key) >= 20 for key in keys) and len(set(keys)) == len(keys)
