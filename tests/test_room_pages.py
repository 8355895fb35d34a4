"""Pages about rooms: who may see and do what, and what everybody is told."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from chat import throttle
from chat.models import Invalidation, Invitation, Membership, Profile, Room
from chat.models.invitation import digest
from chat.pages import forms, invitations, members, rooms
from chat.rooms.opening import open_direct
from chat.rooms.permissions import SITE_MODERATORS

pytestmark = pytest.mark.django_db

WHO = ("guest", "user", "member", "moderator", "owner", "site")
ROOMS: dict[str, dict[str, Any]] = {
    "public": {},
    "closed": {"guests": False},
    "news": {"posting": "moderators"},
    "members": {"kind": "members", "guests": False},
    "old": {"archived": True},
    "direct": {"kind": "direct", "guests": False, "party": "f" * 64},
}
# s: the page; r: refused (403); l: led to the sign-in. In the order of WHO.
SEEN = {
    "": {"public": "ssssss", "closed": "rsssss", "news": "ssssss", "members": "rrssss", "old": "ssssss", "direct": "rrsssr"},
    "/members/": {"public": "lsssss", "closed": "lsssss", "news": "lsssss", "members": "lrssss", "old": "lsssss", "direct": "lrsssr"},
    "/invitations/": {"public": "lrrsss", "closed": "lrrsss", "news": "lrrsss", "members": "lrrsss", "old": "lrrsss", "direct": "lrrrrr"},
    "/settings/": {"public": "lrrsss", "closed": "lrrsss", "news": "lrrsss", "members": "lrrsss", "old": "lrrsss", "direct": "lrrrrr"},
}  # fmt: skip
# Who may write in a room: y, or n and told why in place of the field; -: may not read.
WRITES = {
    "public": "yyyyyy",
    "closed": "-yyyyy",
    "news": "nnnyyy",
    "members": "--yyyy",
    "old": "nnnnnn",
    "direct": "--yyy-",
}
LETTER = {200: "s", 403: "r", 302: "l"}


class World:
    """A room of each kind, and somebody of each kind in it."""

    def __init__(self) -> None:
        self.rooms = {slug: Room.objects.create(slug=slug, title=f"The {slug}", **row) for slug, row in ROOMS.items()}
        self.users = {who: self.user(who) for who in WHO if who != "guest"}
        self.users["site"].groups.add(Group.objects.get_or_create(name=SITE_MODERATORS)[0])
        for room in self.rooms.values():
            for who in ("member", "moderator", "owner"):
                Membership.objects.create(room=room, user=self.users[who], role=who)

    @staticmethod
    def user(name: str) -> User:
        made = User.objects.create(username=name)
        Profile.objects.create(user=made, name=f"The {name}", skeleton=f"the {name}", colour=3)
        return made

    def client(self, who: str) -> Client:
        client = Client()
        if who != "guest":
            client.force_login(self.users[who])
        return client

    def roles(self, slug: str) -> dict[str, str]:
        rows = Membership.objects.filter(room__slug=slug).values_list("user__username", "role")
        return dict(rows)


@pytest.fixture
def world() -> World:
    return World()


def words(answer: Any) -> str:
    """Return a page's text as one reads it."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


def config(answer: Any) -> dict[str, Any]:
    found = re.search(r'<script id="client-config"[^>]*>(.*?)</script>', answer.content.decode())
    assert found
    return json.loads(found[1])


# Who may see and do what


@pytest.mark.parametrize("page", SEEN)
def test_who_sees_which_page_of_which_room(world: World, page: str) -> None:
    found = {
        slug: "".join(LETTER[world.client(who).get(f"/rooms/{slug}{page}").status_code] for who in WHO)
        for slug in ROOMS
    }
    assert found == SEEN[page]


@pytest.mark.parametrize("path", ["", "/members/", "/invitations/", "/settings/"])
def test_where_there_are_no_guests_a_stranger_does_not_learn_which_rooms_there_are(
    world: World, settings: Any, path: str
) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, guests=False)
    guest = world.client("guest")
    found = [guest.get(f"/rooms/{slug}{path}") for slug in ("public", "members", "direct", "nowhere")]
    assert {(answer.status_code, answer.get("location", "").partition("?")[0]) for answer in found} == (
        {(302, "/accounts/sign-in/")} if path else {(403, "")}
    )
    if not path:
        # But for the path, on which the link to the sign-in leads back, and the token of a form.
        pages = {re.sub("rooms%2F[a-z]+", "", words(answer)) for answer in found}
        assert len(pages) == 1 and "Guests may not take part here: sign in." in pages.pop()
    assert world.client("user").get("/rooms/nowhere").status_code == 404


def test_pages_of_the_signed_in_are_kept_nowhere_and_those_of_guests_are_asked_for_again_and_cost_no_query_for_it(
    world: World, django_assert_num_queries: Any
) -> None:
    owner, guest = world.client("owner"), world.client("guest")
    for path in ("/", *PAGES, "/rooms/nowhere", "/rooms/direct"):
        assert "no-store" in owner.get(path).headers["cache-control"], path
        assert "private" in owner.get(path).headers["cache-control"], path
    for path in ("/", "/rooms/", "/rooms/public", "/rooms/members"):
        assert guest.get(path).headers["cache-control"] == "private, no-cache", path
    with django_assert_num_queries(1):
        guest.get("/rooms/public")


def test_who_may_not_read_is_told_why_and_where_to_go_on(world: World) -> None:
    guest = world.client("guest").get("/rooms/members")
    assert "This room is for its members: sign in." in words(guest)
    assert "next=%2Frooms%2Fmembers" in guest.content.decode()
    assert "Guests may not enter this room: sign in." in words(world.client("guest").get("/rooms/closed"))
    user = world.client("user").get("/rooms/members")
    assert "This room is for its members." in words(user) and "ask somebody who is, for an invitation" in words(user)
    assert "Sign in" not in words(user) and 'href="/rooms/"' in user.content.decode()


@pytest.mark.parametrize("slug", ROOMS)
def test_who_may_write_has_a_field_and_who_may_not_a_sentence(world: World, slug: str) -> None:
    found = ""
    for who in WHO:
        answer = world.client(who).get(f"/rooms/{slug}")
        if answer.status_code != 200:
            found += "-"
            continue
        page = answer.content.decode()
        barred = re.search(r'<div id="barred"[^>]*?( hidden)?>\s*<p>(.*?)</p>', page)
        form = re.search(r'<form id="composer"[^>]*?( hidden)?>', page)
        assert barred and form and (barred[1] is None) == (barred[2] != "") == (form[1] is not None)
        found += "n" if barred[2] else "y"
        told = config(answer)
        table = told["bars"]["archived" if told["archived"] else "open"]
        assert table[told["role"]]["post"] == unescape(barred[2])
    assert found == WRITES[slug]


def test_the_pages_script_is_told_what_each_role_may(world: World) -> None:
    bars = config(world.client("user").get("/rooms/news"))["bars"]["open"]
    assert {role: told["post"] for role, told in bars.items()} == {
        **dict.fromkeys(["", "member"], "Only moderators write in this room."),
        **dict.fromkeys(["moderator", "owner"], ""),
    }
    assert {role: told["moderate"] == "" for role, told in bars.items()} == {
        **{"": False, "member": False, "moderator": True, "owner": True}
    }
    assert all(told["react"] == told["delete"] == told["read"] == "" for told in bars.values())
    for slug in ("old", "public"):
        old = config(world.client("owner").get(f"/rooms/{slug}"))["bars"]["archived"]["owner"]
        assert old["delete"] == old["react"] == "This room is archived: it can be read, and nothing changes in it."
    members_only = config(world.client("member").get("/rooms/members"))
    assert members_only["bars"]["open"][""]["read"] == "This room is for its members."
    assert (members_only["role"], members_only["kind"]) == ("member", "members")


def test_the_pages_script_is_told_the_time_zone_that_somebody_has_chosen(world: World) -> None:
    assert config(world.client("guest").get("/rooms/public"))["time_zone"] == ""
    assert config(world.client("owner").get("/rooms/public"))["time_zone"] == ""
    Profile.objects.filter(user=world.users["owner"]).update(time_zone="Asia/Tokyo")
    assert config(world.client("owner").get("/rooms/public"))["time_zone"] == "Asia/Tokyo"


def test_times_of_invitations_are_in_the_time_zone_that_somebody_has_chosen(world: World) -> None:
    owner = world.client("owner")
    owner.post("/rooms/members/invitations/", {"hours": "24", "uses": "1"})
    Invitation.objects.update(created_at=timezone.datetime(2026, 3, 1, 23, 30, tzinfo=timezone.timezone.utc))  # type: ignore[attr-defined]
    assert "1 March, 23:30" in owner.get("/rooms/members/invitations/").content.decode()
    Profile.objects.filter(user=world.users["owner"]).update(time_zone="Asia/Tokyo")
    assert "2 March, 08:30" in owner.get("/rooms/members/invitations/").content.decode()


def test_where_the_site_has_no_guests_every_page_leads_to_the_sign_in(world: World, settings: Any) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, guests=False)
    for path in ("/", "/rooms/", "/rooms/public"):
        answer = world.client("guest").get(path)
        assert answer.status_code == 403
        assert "Guests may not take part here: sign in." in words(answer)
    assert world.client("user").get("/rooms/public").status_code == 200


def test_a_deactivated_account_is_a_guest(world: World) -> None:
    client = world.client("member")
    world.users["member"].is_active = False
    world.users["member"].save()
    assert client.get("/rooms/members").status_code == 403
    assert "This room is for its members: sign in." in words(client.get("/rooms/members"))


# The list


def test_the_list_has_ones_own_rooms_with_what_is_unread_and_the_public_ones(world: World) -> None:
    Room.objects.filter(slug="members").update(last=120)
    Room.objects.filter(slug="news").update(last=3)
    Membership.objects.filter(room__slug="news").update(read=1)
    page = words(world.client("member").get("/rooms/"))
    mine = page.split("Your rooms")[1].split("Direct conversations")[0]
    assert "The members 99+ unread" in mine and "The news 2 unread" in mine and "The public" in mine
    assert mine.index("The public") < mine.index("The old archived")
    assert "Other rooms Lobby" in page
    stranger = words(world.client("user").get("/rooms/"))
    assert "Your rooms" not in stranger and "The members" not in stranger and "The direct" not in stranger
    assert all(f"The {slug}" in stranger for slug in ("public", "closed", "news", "old"))
    guest = words(world.client("guest").get("/rooms/"))
    assert (
        "The public" in guest and "The closed" not in guest and "New room" not in guest and "You are a guest." in guest
    )


def test_the_list_finds_by_name_address_and_topic(world: World) -> None:
    Room.objects.filter(slug="news").update(topic="Cake and outages")
    client = world.client("user")
    for query, found in (
        ("CAKE", ["news"]),
        ("publ", ["public"]),
        ("the ", ["closed", "news", "old", "public"]),
        ("%", []),
    ):
        page = words(client.get("/rooms/", {"q": query}))
        assert [slug for slug in sorted(ROOMS) if f"The {slug}" in page] == found, query
    assert "No room has “<b>” in its name" in words(client.get("/rooms/", {"q": "<b>"}))
    assert client.get("/rooms/", {"q": "x" * 5000, "page": "nonsense"}).status_code == 200
    member = words(world.client("member").get("/rooms/", {"q": "the owner"}))
    assert "Direct conversations" in member and "Your rooms" not in member


def test_the_list_has_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "PAGE", 2)
    client = world.client("user")
    first = client.get("/rooms/", {"q": "the"})
    assert "Page 1 of 2" in words(first) and "?q=the&amp;page=2" in first.content.decode()
    assert "Page 2 of 2" in words(client.get("/rooms/", {"q": "the", "page": 2}))


def test_the_list_and_a_rooms_page_take_few_queries(world: World, django_assert_max_num_queries: Any) -> None:
    for who, path, most in (
        ("guest", "/", 1),
        ("guest", "/rooms/", 2),
        ("member", "/rooms/", 6),
        ("member", "/rooms/news", 6),
    ):
        client = world.client(who)
        with django_assert_max_num_queries(most):
            assert client.get(path).status_code == 200


# Another room


def test_a_room_is_made_by_whoever_is_signed_in(world: World) -> None:
    client = world.client("user")
    fields = {
        "title": "Täglich: Café & Kuchen",
        "kind": "members",
        "posting": "members",
        "guests": "on",
        "topic": "Cake",
    }
    answer = client.post("/rooms/new/", fields)
    room = Room.objects.get(title=fields["title"])
    assert (answer.status_code, answer.headers["location"]) == (302, "/rooms/taglich-cafe-kuchen")
    assert (room.kind, room.posting, room.topic, room.guests) == ("members", "members", "Cake", False)
    assert world.roles(room.slug) == {"user": "owner"}
    for page in ("", "/members/", "/invitations/", "/settings/"):
        assert client.get(f"/rooms/{room.slug}{page}").status_code == 200
    assert world.client("guest").get("/rooms/new/").status_code == 302
    assert 'value="tea-time"' in client.get("/rooms/new/?slug=tea-time").content.decode()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"title": ""}, "Expected a name, got nothing."),
        ({"title": "x" * 101}, "Ensure this value has at most 100 characters (it has 101)."),
        ({"title": "user\u202egnp"}, "Expected visible characters, got U+202E."),
        ({"title": "\u3164"}, "Expected visible characters, got U+3164."),
        ({"title": "\u200d"}, "Expected visible characters, got none."),
        ({"title": "\u0301"}, "Expected visible characters, got marks alone."),
        ({"title": " \u0301\u200d\ufe0f\u20dd "}, "Expected visible characters, got marks alone."),
        ({"title": "a\u0301"}, ""),
        ({"title": "x" * 2_000_000}, "Ensure this value has at most 100 characters (it has 2000000)."),
        ({"title": "x" * 300 + "\u202e"}, "Ensure this value has at most 100 characters (it has 301)."),
        ({"topic": "\u0301" * 9}, "Expected visible characters, got marks alone."),
        ({"topic": "a\u2066b"}, "Expected visible characters, got U+2066."),
        ({"topic": "x" * 251}, "Ensure this value has at most 250 characters (it has 251)."),
        ({"slug": "Tea"}, "Expected lower-case letters (a to z), digits and hyphens."),
        ({"slug": "-tea"}, "Expected lower-case letters (a to z), digits and hyphens."),
        ({"slug": "tea\n"}, ""),
        ({"slug": "lobby"}, "/rooms/lobby is taken: expected an address that no other room has."),
        ({"slug": "new"}, "/rooms/new is taken: expected an address that no other room has."),
        ({"kind": "direct"}, "Select a valid choice. direct is not one of the available choices."),
        ({"posting": "nobody"}, "Select a valid choice. nobody is not one of the available choices."),
        ({"title": "👩‍👩‍👧 family"}, ""),
    ],
)
def test_what_makes_no_room_is_told_in_words(world: World, fields: dict[str, str], sentence: str) -> None:
    usual = {"title": "Tea", "slug": "tea", "kind": "public", "posting": "everyone", "topic": ""}
    answer = world.client("user").post("/rooms/new/", {**usual, **fields})
    assert answer.status_code == (400 if sentence else 302)
    assert sentence in words(answer)
    assert Room.objects.filter(kind="public").count() == (5 if sentence else 6)


@pytest.mark.parametrize(
    ("title", "slug"),
    [("Tea time!", "tea-time"), ("  A_b -- c ", "a-b-c"), ("x" * 100, "x" * 64), ("a" * 63 + " b", "a" * 63)],
)
def test_an_address_is_made_from_the_name(title: str, slug: str) -> None:
    assert forms.slug_for(title) == slug


def test_a_name_without_latin_letters_has_an_address_too() -> None:
    assert re.fullmatch("room-[0-9a-f]{6}", forms.slug_for("Чай"))


def test_a_room_that_is_not_there_may_be_made_by_who_is_signed_in(world: World) -> None:
    answer = world.client("user").get("/rooms/tea-time")
    assert answer.status_code == 404 and 'href="/rooms/new/?slug=tea-time"' in answer.content.decode()
    assert "/rooms/new/" not in world.client("guest").get("/rooms/tea-time").content.decode()


# Settings


def test_moderators_change_the_topic_and_owners_the_rest(world: World) -> None:
    everything = {"title": "Another", "topic": "New", "posting": "members"}
    assert world.client("moderator").post("/rooms/public/settings/", everything).status_code == 302
    room = Room.objects.get(slug="public")
    assert (room.title, room.topic, room.posting, room.guests) == ("The public", "New", "everyone", True)
    for who, title in (("owner", "Another"), ("site", "A third")):
        world.client(who).post("/rooms/public/settings/", {**everything, "title": title})
        room.refresh_from_db()
        assert (room.title, room.posting, room.guests) == (title, "members", False)
    assert not Invalidation.objects.exists(), "the look finds it: a note for each member would keep others waiting"


def test_what_is_not_changed_is_not_written(world: World) -> None:
    fields = {"title": "The public", "topic": "", "posting": "everyone", "guests": "on"}
    answer = world.client("owner").post("/rooms/public/settings/", fields, follow=True)
    assert "Nothing was changed: it is as it was." in words(answer)
    assert not Invalidation.objects.exists()
    answer = world.client("owner").post("/rooms/public/settings/", {**fields, "title": ""})
    assert answer.status_code == 400 and "Expected a name, got nothing." in words(answer)


def test_a_room_is_archived_and_opened_again_by_its_owners(world: World) -> None:
    for who, verb, archived in (
        ("moderator", "archive", False),
        ("owner", "archive", True),
        ("moderator", "unarchive", True),
        ("site", "unarchive", False),
    ):
        answer = world.client(who).post("/rooms/members/settings/", {"do": verb})
        assert answer.status_code == (403 if who == "moderator" else 302)
        assert Room.objects.get(slug="members").archived is archived
    archived_settings = world.client("owner").post("/rooms/old/settings/", {"title": "x", "posting": "everyone"})
    assert archived_settings.status_code == 403 and "This room is archived" in words(archived_settings)


# Members


def test_members_are_listed_with_their_roles_owners_first(world: World) -> None:
    page = words(world.client("member").get("/rooms/public/members/"))
    assert re.search(r"The owner owner .*The moderator moderator .*The member you", page)
    assert "Let somebody in" not in page and "Change" not in page and "Leave this room" in page
    found = words(world.client("member").get("/rooms/public/members/?q=OWN"))
    assert "The owner" in found and "The moderator" not in found
    stranger = words(world.client("user").get("/rooms/public/members/"))
    assert "Join this room" in stranger and "Leave" not in stranger


# Who does it, to whom, the role they give ("" for outside), and what is then true; * stands for a refusal.
CHANGES = [
    ("moderator", "member", "", None, "The member is no longer in this room."),
    ("moderator", "member", "moderator", "*", "Only owners of the room may do that."),
    ("moderator", "owner", "", "*", "Only owners of the room may do that."),
    ("member", "moderator", "", "*", "Only moderators of the room may do that."),
    ("member", "member", "owner", "*", "Only moderators of the room may do that."),
    ("owner", "member", "moderator", "moderator", "The member is a moderator."),
    ("owner", "moderator", "owner", "owner", "The moderator is an owner."),
    ("owner", "moderator", "member", "member", "The moderator is a member."),
    ("owner", "owner", "member", "*", "A room has at least one owner: make somebody else one first."),
    ("site", "member", "moderator", "moderator", "The member is a moderator."),
    ("moderator", "moderator", "member", "member", "The moderator is a member."),
    ("owner", "member", "king", "*", "Expected owner, moderator, member or nothing, got “king”."),
]


@pytest.mark.parametrize(("who", "whom", "role", "after", "sentence"), CHANGES)
def test_roles_change_by_the_rules(
    world: World, who: str, whom: str, role: str, after: str | None, sentence: str
) -> None:
    before = world.roles("public")
    form = {"user": world.users[whom].pk, "role": role}
    answer = world.client(who).post("/rooms/public/members/", form, follow=True)
    assert sentence in words(answer)
    changed = before if after == "*" else {**before, whom: after}
    assert world.roles("public") == {name: it for name, it in changed.items() if it is not None}
    assert Room.objects.get(slug="public").head == (0 if after == "*" else 1)


@pytest.mark.parametrize("user", ["", "x", "-1", "9" * 30, "999999"])
def test_a_form_about_nobody_is_told(world: World, user: str) -> None:
    answer = world.client("owner").post("/rooms/public/members/", {"user": user, "role": "member"}, follow=True)
    assert "Expected somebody who is in this room" in words(answer)


def test_somebody_is_let_in_by_name(world: World) -> None:
    client = world.client("moderator")
    answer = client.post("/rooms/members/members/", {"name": "  the   USER ", "role": "member"}, follow=True)
    assert "The user is a member." in words(answer)
    assert world.roles("members")["user"] == "member"
    answer = client.post("/rooms/members/members/", {"name": "<Nobody>", "role": "member"}, follow=True)
    assert "Expected the name of somebody with an account here, got “<Nobody>”." in words(answer)
    # An account that nobody has signed in to yet, and somebody who is called like it.
    User.objects.create(username="Dana")
    Profile.objects.filter(user=world.users["user"]).update(name="Dana", skeleton="dana, before she came")
    answer = client.post("/rooms/members/members/", {"name": "Dana", "role": "moderator"}, follow=True)
    assert "More than one person is called “Dana”: give them an invitation." in words(answer)
    assert world.roles("members")["user"] == "member"
    answer = world.client("member").post("/rooms/members/members/", {"name": "The site", "role": "member"}, follow=True)
    assert "Only moderators of the room may do that." in words(answer)


def test_one_leaves_and_comes_again_where_one_may(world: World) -> None:
    client, user = world.client("member"), world.users["member"].pk
    for slug in ("public", "members", "old", "direct"):
        answer = client.post(f"/rooms/{slug}/members/", {"user": user, "role": ""})
        assert (answer.status_code, answer.headers["location"]) == (302, "/rooms/")
        assert "member" not in world.roles(slug)
    assert "You have left" in words(client.get("/rooms/"))
    table = {"public": 302, "members": 403, "old": 403, "direct": 403}
    assert {slug: client.post(f"/rooms/{slug}/join/").status_code for slug in table} == table
    assert world.roles("public")["member"] == "member"
    assert client.post("/rooms/public/join/").status_code == 302
    assert Room.objects.get(slug="public").head == 2
    assert client.get("/rooms/public/join/").status_code == 405
    assert world.client("guest").post("/rooms/public/join/").status_code == 302
    assert len(world.roles("public")) == 3


def test_members_have_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "PAGE", 2)
    assert "Page 1 of 2" in words(world.client("owner").get("/rooms/public/members/"))


# Invitations


def link(answer: Any) -> str:
    found = re.search(r'<input id="link" value="http://testserver(/invitations/[^"]+/)"', answer.content.decode())
    assert found, words(answer)
    return found[1]


@pytest.fixture
def made(world: World) -> Iterator[str]:
    """The path of an invitation to the members' room, for one person."""
    yield link(world.client("moderator").post("/rooms/members/invitations/", {"hours": "24", "uses": "1"}))


def test_a_link_is_shown_once_and_kept_as_a_digest(world: World, made: str) -> None:
    row = Invitation.objects.get()
    assert row.digest == digest(made.split("/")[2]) and made.split("/")[2] not in row.digest
    left = row.expires_at - timezone.now()
    assert timedelta(hours=23) < left < timedelta(hours=25) and (row.uses, row.created_by.username) == (1, "moderator")
    page = world.client("moderator").get("/rooms/members/invitations/")
    assert "0 of 1 used" in words(page) and "The moderator" in words(page) and made not in page.content.decode()
    assert page.headers["cache-control"].startswith("max-age=0")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"uses": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"uses": "1001"}, "Ensure this value is less than or equal to 1000."),
        ({"uses": "many"}, "Enter a whole number."),
        ({"hours": "2"}, "Select a valid choice. 2 is not one of the available choices."),
    ],
)
def test_an_invitation_that_makes_no_sense_is_refused_in_words(
    world: World, fields: dict[str, str], sentence: str
) -> None:
    answer = world.client("owner").post("/rooms/members/invitations/", {"hours": "1", "uses": "1", **fields})
    assert answer.status_code == 400 and sentence in words(answer)
    assert not Invitation.objects.exists()


def test_a_link_leads_to_site_url(world: World, settings: Any) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, site_url="https://chat.example")
    answer = world.client("moderator").post("/rooms/members/invitations/", {"hours": "24", "uses": "1"})
    assert re.search(r'<input id="link" value="https://chat\.example/invitations/[^"]+/"', answer.content.decode())


def test_nobody_comes_into_an_archived_room_and_there_are_not_too_many_links(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.client("owner").post("/rooms/old/invitations/", {"hours": "1", "uses": "1"}).status_code == 403
    monkeypatch.setattr(invitations, "MAX_INVITATIONS", 1)
    client = world.client("owner")
    link(client.post("/rooms/members/invitations/", {"hours": "1", "uses": "1"}))
    answer = client.post("/rooms/members/invitations/", {"hours": "1", "uses": "1"})
    assert answer.status_code == 409 and "Expected at most 1 invitations: withdraw one first." in words(answer)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    link(client.post("/rooms/members/invitations/", {"hours": "1", "uses": "1"}))
    Invitation.objects.update(used=1)
    link(client.post("/rooms/members/invitations/", {"hours": "1", "uses": "1"}))
    assert Invitation.objects.count() == 3


def test_a_link_that_has_ended_still_says_how_after_others_were_made(world: World, made: str) -> None:
    owner, client = world.client("owner"), world.client("user")
    for fields, sentence in (
        ({"expires_at": timezone.now() - timedelta(days=89)}, "The invitation has expired: ask for another one."),
        ({"used": 1}, "The invitation has been used already: ask for another one."),
        ({"used": 0, "expires_at": timezone.now() - timedelta(days=91)}, "There is no such invitation"),
    ):
        Invitation.objects.filter(digest=digest(made.split("/")[2])).update(**fields)
        link(owner.post("/rooms/members/invitations/", {"hours": "1", "uses": "1"}))
        assert sentence in words(client.get(made))


def test_links_that_let_people_in_stand_before_those_that_have_ended(
    world: World, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = world.client("owner")
    for _ in range(3):
        link(owner.post("/rooms/members/invitations/", {"hours": "1", "uses": "1"}))
    first, second, third, fourth = Invitation.objects.order_by("pk")
    Invitation.objects.filter(pk__in=[third.pk, fourth.pk]).update(used=1)
    page = owner.get("/rooms/members/invitations/")
    assert [it.pk for it in page.context["invitations"]] == [second.pk, first.pk, fourth.pk, third.pk]
    assert page.content.decode().count('name="withdraw"') == 2
    Membership.objects.filter(user=world.users["moderator"], room__slug="members").update(role="member")
    page = owner.get("/rooms/members/invitations/")
    assert words(page).count("lets nobody in: who made it moderates no more") == 1
    assert page.content.decode().count('name="withdraw"') == 2
    monkeypatch.setattr(invitations, "SHOWN_ENDED", 1)
    page = owner.get("/rooms/members/invitations/")
    assert [it.pk for it in page.context["invitations"]] == [second.pk, first.pk, fourth.pk]


def test_who_was_put_out_is_told_so_where_they_come_by_the_same_link(world: World) -> None:
    owner, client, user = world.client("owner"), world.client("user"), world.users["user"].pk
    again = link(owner.post("/rooms/members/invitations/", {"hours": "1", "uses": "9"}))
    assert client.post(again).status_code == 302 and world.roles("members")["user"] == "member"
    owner.post("/rooms/members/members/", {"user": user, "role": ""})
    for method in (client.get, client.post):
        answer = method(again)
        assert answer.status_code == 403
        assert "You were put out of this room after this invitation was made." in words(answer)
    assert "user" not in world.roles("members")
    assert "You are invited" in words(world.client("guest").get(again))
    assert client.post(link(owner.post("/rooms/members/invitations/", {"hours": "1", "uses": "1"}))).status_code == 302
    assert world.roles("members")["user"] == "member"


def test_links_of_who_moderates_no_more_are_withdrawn(world: World, made: str) -> None:
    form = {"user": world.users["moderator"].pk, "role": "member"}
    world.client("owner").post("/rooms/members/members/", form)
    answer = world.client("user").post(made)
    assert answer.status_code == 404 and "it may have been withdrawn" in words(answer)


def test_a_link_lets_in_who_is_signed_in(world: World, made: str) -> None:
    guest = world.client("guest")
    assert "You are invited to The members" in words(guest.get(made))
    assert f"next={made.replace('/', '%2F')}" in guest.get(made).content.decode()
    assert guest.post(made).status_code == 200 and "user" not in world.roles("members")
    client = world.client("user")
    assert "Join the room" in words(client.get(made)) and "user" not in world.roles("members")
    answer = client.post(made)
    assert (answer.status_code, answer.headers["location"]) == (302, "/rooms/members")
    assert world.roles("members")["user"] == "member"
    assert Invitation.objects.get().used == 1 and Room.objects.get(slug="members").head == 1
    for method in (client.get, client.post):
        assert method(made).headers["location"] == "/rooms/members"
    assert Invitation.objects.get().used == 1


def test_a_link_that_is_used_expired_or_withdrawn_says_so(world: World, made: str) -> None:
    client = world.client("user")
    row = Invitation.objects.get()
    table = [
        ({"used": 1}, 409, "The invitation has been used already: ask for another one."),
        ({"used": 0, "expires_at": timezone.now() - timedelta(seconds=1)}, 409, "The invitation has expired: ask for another one."),
    ]  # fmt: skip
    for fields, status, sentence in table:
        Invitation.objects.update(**fields)
        for who in (client, world.client("guest")):
            for method in (who.get, who.post):
                answer = method(made)
                assert answer.status_code == status and sentence in words(answer)
    withdrawn = world.client("moderator").post("/rooms/members/invitations/", {"withdraw": row.pk}, follow=True)
    assert "The invitation is withdrawn: its link lets nobody in any more." in words(withdrawn)
    answer = client.post(made)
    assert answer.status_code == 404 and "it may have been withdrawn" in words(answer)
    again = world.client("moderator").post("/rooms/members/invitations/", {"withdraw": row.pk}, follow=True)
    assert "That invitation was gone already." in words(again)
    assert "user" not in world.roles("members")


def test_only_the_rooms_own_invitations_are_withdrawn(world: World, made: str) -> None:
    for number in (Invitation.objects.get().pk, "x", "9" * 30):
        world.client("moderator").post("/rooms/public/invitations/", {"withdraw": number})
    assert world.client("member").post("/rooms/members/invitations/", {"withdraw": 1}).status_code == 403
    assert Invitation.objects.count() == 1


# Direct conversations


def test_nobody_begins_conversations_by_a_script(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "conversations", throttle.Throttle(1, lambda: 0.0))
    client, others = world.client("owner"), [world.users[who].pk for who in ("member", "moderator")]
    assert client.post("/direct/new/", {"with": others[:1]}).status_code == 302
    answer = client.post("/direct/new/", {"with": others[1:]})
    assert answer.status_code == 400
    assert "Expected at most 60 new conversations an hour: try again later." in words(answer)
    assert client.post("/direct/new/", {"with": others[:1]}).status_code == 302, "it is there already"
    assert world.client("site").post("/direct/new/", {"with": others[1:]}).status_code == 302, "others have their own"


def test_people_are_chosen_by_name_and_a_search_keeps_who_is_chosen(world: World) -> None:
    client, owner = world.client("user"), world.users["owner"].pk
    page = words(client.get("/direct/new/"))
    assert "T The owner" in page and page.count("The user") == 1  # In the menu of the account.
    found = client.post("/direct/new/", {"with": [owner], "q": "MEMB", "search": "1"})
    assert found.status_code == 200 and "The member" in words(found) and "The moderator" not in words(found)
    assert re.search(rf'value="{owner}" checked', found.content.decode())
    assert "Nobody has “zzz” in the name." in words(client.get("/direct/new/?q=zzz"))


def test_the_same_people_are_led_to_the_same_room(world: World) -> None:
    first = world.client("user").post("/direct/new/", {"with": [world.users["owner"].pk]})
    second = world.client("owner").post("/direct/new/", {"with": [world.users["user"].pk, "x", ""]})
    assert first.status_code == 302 and first.headers["location"] == second.headers["location"]
    page = world.client("user").get(first.headers["location"])
    assert "<title>The owner</title>" in page.content.decode() and config(page)["title"] == "The owner"
    assert world.client("member").get(first.headers["location"]).status_code == 403


def test_a_conversation_with_nobody_is_refused_in_words(world: World) -> None:
    world.users["site"].is_active = False
    world.users["site"].save()
    for chosen, sentence in (
        ([], "Expected at least one other person, got none."),
        (["9" * 30], "Expected at least one other person, got none."),
        ([world.users["site"].pk], "Somebody of these has no account here any more: choose again."),
    ):
        answer = world.client("user").post("/direct/new/", {"with": chosen})
        assert answer.status_code == 400 and sentence in words(answer)


def test_a_direct_room_has_no_invitations_and_its_people_may_leave(world: World) -> None:
    room = open_direct(world.users["user"].pk, [world.users["member"].pk])
    page = words(world.client("user").get(f"/rooms/{room.slug}/members/"))
    assert "Leave this conversation" in page and "Invitations" not in page and "Let somebody in" not in page


# All of them


PAGES = ["/rooms/", "/rooms/new/", "/rooms/public", "/rooms/public/members/", "/rooms/public/invitations/", "/rooms/public/settings/", "/direct/new/"]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_no_page_needs_anything_inline_or_from_elsewhere(world: World, path: str) -> None:
    page = world.client("owner").get(path).content.decode()
    assert "<style" not in page and " style=" not in page and " on" not in re.sub(r">[^<]*<", "><", page)
    assert all(re.search(r'src="/|type="application/json"', tag) for tag in re.findall(r"<script[^>]*>", page))


@pytest.mark.parametrize("path", [path for path in PAGES if path not in ("/rooms/", "/rooms/public")])
def test_a_form_of_another_site_changes_nothing(world: World, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.users["owner"])
    assert client.post(path, {"do": "archive", "title": "x"}).status_code == 403


def test_text_of_people_is_text(world: World) -> None:
    Room.objects.filter(slug="public").update(title="<b>T", topic="<i>t", last=1)
    Profile.objects.filter(user=world.users["member"]).update(name="<u>M")
    for path in PAGES:
        page = world.client("owner").get(path).content.decode()
        assert not re.search("<b>T|<i>t|<u>M", page), path
    assert "&lt;u&gt;M" in world.client("owner").get("/rooms/public/members/").content.decode()
