"""Who may do what: one table for every kind of room, every kind of person, every envelope; on real sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chat.wire import json as json_codec

from .farm import Farm
from .guests import Guest
from .servers import Server

WHO = ("anonymous", "guest", "user", "member", "moderator", "owner", "site", "deactivated")
ROOMS: dict[str, dict[str, Any]] = {
    "p-public": {},
    "p-no-guests": {"guests": False},
    "p-signed-in": {"posting": "signed-in"},
    "p-members-write": {"posting": "members"},
    "p-announcements": {"posting": "moderators"},
    "p-members": {"kind": "members"},
    "p-direct": {"kind": "direct"},
    "p-archived": {"archived": True},
    "p-volatile": {"kind": "members", "durable": False},
}
# y: an ack; u: unauthenticated; f: forbidden; n: not_joined; s: unsupported. In the order of WHO.
TABLE: dict[str, dict[str, str]] = {
    "join": {
        "p-public": "yyyyyyyy",
        "p-no-guests": "uuyyyyyu",
        "p-signed-in": "yyyyyyyy",
        "p-members-write": "yyyyyyyy",
        "p-announcements": "yyyyyyyy",
        "p-members": "uufyyyyu",
        "p-direct": "uufyyyfu",
        "p-archived": "yyyyyyyy",
        "p-volatile": "uufyyyyu",
    },
    "history": {
        "p-public": "yyyyyyyy",
        "p-no-guests": "nnyyyyyn",
        "p-signed-in": "yyyyyyyy",
        "p-members-write": "yyyyyyyy",
        "p-announcements": "yyyyyyyy",
        "p-members": "nnnyyyyn",
        "p-direct": "nnnyyynn",
        "p-archived": "yyyyyyyy",
        "p-volatile": "nnnssssn",
    },
    "send": {
        "p-public": "yyyyyyyy",
        "p-no-guests": "nnyyyyyn",
        "p-signed-in": "uuyyyyyu",
        "p-members-write": "uufyyyyu",
        "p-announcements": "uuffyyyu",
        "p-members": "nnnyyyyn",
        "p-direct": "nnnyyynn",
        "p-archived": "ffffffff",
        "p-volatile": "nnnyyyyn",
    },
    "edit": {  # of what the owner wrote
        "p-public": "fffffyff",
        "p-no-guests": "nnfffyfn",
        "p-signed-in": "uufffyfu",
        "p-members-write": "uufffyfu",
        "p-announcements": "uufffyfu",
        "p-members": "nnnffyfn",
        "p-direct": "nnnffynn",
        "p-archived": "ffffffff",
        "p-volatile": "nnnssssn",
    },
    "delete": {  # of what the owner wrote
        "p-public": "ffffyyyf",
        "p-no-guests": "nnffyyyn",
        "p-signed-in": "ffffyyyf",
        "p-members-write": "ffffyyyf",
        "p-announcements": "ffffyyyf",
        "p-members": "nnnfyyyn",
        "p-direct": "nnnffynn",
        "p-archived": "ffffffff",
        "p-volatile": "nnnssssn",
    },
    "react": {
        "p-public": "yyyyyyyy",
        "p-no-guests": "nnyyyyyn",
        "p-signed-in": "uuyyyyyu",
        "p-members-write": "uufyyyyu",
        "p-announcements": "uuyyyyyu",
        "p-members": "nnnyyyyn",
        "p-direct": "nnnyyynn",
        "p-archived": "ffffffff",
        "p-volatile": "nnnssssn",
    },
    "auth": dict.fromkeys(ROOMS, "uuuuuuuu"),  # by a token that does not hold
    "typing": dict.fromkeys(ROOMS, "ssssssss"),
    "who": dict.fromkeys(ROOMS, "ssssssss"),
    "read": {**dict.fromkeys(ROOMS, "uufyyyfu"), "p-volatile": "uufsssfu"},
    "name": dict.fromkeys(ROOMS, "yyfffffy"),
    "leave": {
        "p-public": "yyyyyyyy",
        "p-no-guests": "nnyyyyyn",
        "p-signed-in": "yyyyyyyy",
        "p-members-write": "yyyyyyyy",
        "p-announcements": "yyyyyyyy",
        "p-members": "nnnyyyyn",
        "p-direct": "nnnyyynn",
        "p-archived": "yyyyyyyy",
        "p-volatile": "nnnyyyyn",
    },
}
FIELDS: dict[str, dict[str, Any]] = {
    "history": {},
    "send": {"text": "mine"},
    "edit": {"message": 1, "text": "other words"},
    "delete": {"message": 2},
    "react": {"message": 1, "emoji": "👍", "on": True},
    "read": {"message": 1},
    "auth": {"token": "none"},
}
# y: the page, or the answer; r: done, and led on; l: led to the sign-in; x: refused with 403; u: with 401.
PAGES: dict[tuple[str, str], dict[str, str]] = {
    ("GET", "/rooms/{slug}"): {
        "p-public": "yyyyyyyy",
        "p-no-guests": "xxyyyyyx",
        "p-signed-in": "yyyyyyyy",
        "p-members-write": "yyyyyyyy",
        "p-announcements": "yyyyyyyy",
        "p-members": "xxxyyyyx",
        "p-direct": "xxxyyyxx",
        "p-archived": "yyyyyyyy",
        "p-volatile": "xxxyyyyx",
    },
    ("GET", "/rooms/{slug}/members/"): {
        "p-public": "llyyyyyl",
        "p-no-guests": "llyyyyyl",
        "p-signed-in": "llyyyyyl",
        "p-members-write": "llyyyyyl",
        "p-announcements": "llyyyyyl",
        "p-members": "llxyyyyl",
        "p-direct": "llxyyyxl",
        "p-archived": "llyyyyyl",
        "p-volatile": "llxyyyyl",
    },
    ("GET", "/rooms/{slug}/settings/"): {**dict.fromkeys(ROOMS, "llxxyyyl"), "p-direct": "llxxxxxl"},
    ("GET", "/rooms/{slug}/invitations/"): {**dict.fromkeys(ROOMS, "llxxyyyl"), "p-direct": "llxxxxxl"},
    ("POST", "/rooms/{slug}/join/"): {
        "p-public": "llrrrrrl",
        "p-no-guests": "llrrrrrl",
        "p-signed-in": "llrrrrrl",
        "p-members-write": "llrrrrrl",
        "p-announcements": "llrrrrrl",
        "p-members": "llxrrrrl",
        "p-direct": "llxrrrxl",
        "p-archived": "llxrrrxl",
        "p-volatile": "llxrrrrl",
    },
    ("POST", "/api/v1/tokens"): dict.fromkeys(ROOMS, "uuyyyyyu"),
    ("POST", "/api/v1/tickets"): dict.fromkeys(ROOMS, "uuyyyyyu"),
}
LETTERS = {"unauthenticated": "u", "forbidden": "f", "not_joined": "n", "unsupported": "s"}

# Makes people and rooms, signs everybody in, and prints the keys of their sessions.
SCRIPT = f"""
import json, time
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from chat.models import Membership, Room
from chat.rooms import log
from chat.rooms.changes import Write
from chat.wire.events import Person

keys = {{}}
users = {{}}
for name in ("user", "member", "moderator", "owner", "site", "deactivated"):
    user = users[name] = User.objects.create_user("p-" + name)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    keys[name] = session.session_key
users["site"].groups.add(Group.objects.get(name="Site moderators"))
User.objects.filter(username="p-deactivated").update(is_active=False)
owner = Person("user:%d" % users["owner"].pk, "p-owner", "user")
for slug, fields in json.loads({json.dumps(json.dumps(ROOMS))}).items():
    room = Room.objects.create(slug=slug, title=slug, **{{**fields, "archived": False}})
    for role in ("member", "moderator", "owner"):
        Membership.objects.create(room=room, user=users[role], role=role)
    writes = [
        Write(room=slug, author=owner, key="written-%d" % n, done=lambda outcome: None, text="by the owner")
        for n in (1, 2)
    ]
    log.commit(writes, int(time.time() * 1000))
    Room.objects.filter(pk=room.pk).update(archived=fields.get("archived", False))
print(json.dumps(keys))
"""


class Person:
    """Somebody on one server: their pages, and their connection."""

    def __init__(self, server: Server, who: str, session: str | None) -> None:
        self.server = server
        self.cookie = f"csrftoken={CSRF}" + (f"; sessionid={session}" if session else "")
        headers = {"Cookie": self.cookie}
        self.guest = Guest(server.ws(), origin=f"http://{server.netloc}", additional_headers=headers)
        if who == "guest":
            assert self.guest.ask("name", {"name": "Gwen"})["type"] == "ack"

    def ask(self, verb: str, fields: dict[str, Any]) -> str:
        answer = self.guest.ask(verb, fields)
        return "y" if answer["type"] == "ack" else LETTERS[answer["payload"]["code"]]

    def open(self, method: str, path: str) -> str:
        connection = self.server.http()
        connection.request(method, path, headers={"Cookie": self.cookie, "X-CSRFToken": CSRF})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status == 302:
            return "l" if str(answer.headers["Location"]).startswith("/accounts/sign-in/") else "r"
        return STATUS[answer.status]


CSRF = "0" * 32
STATUS = {200: "y", 401: "u", 403: "x"}
Meet = Callable[[str], Person]


@pytest.fixture(scope="module")
def meet(farm: Farm, shared: Callable[..., Server]) -> Iterator[Meet]:
    """Return somebody, as they come by a page of the server's own."""
    server = shared(CHAT_MESSAGE_RATE="0")
    keys = json.loads(farm.manage(server.var_dir, "shell", "-v0", "-c", SCRIPT).stdout.splitlines()[-1])
    made: list[Person] = []

    def come(who: str) -> Person:
        made.append(Person(server, who, keys.get(who)))
        return made[-1]

    yield come
    for one in made:
        one.guest.close()


@pytest.mark.parametrize("slug", ROOMS)
@pytest.mark.parametrize("who", WHO)
def test_every_envelope_and_page_for_everybody_in_every_kind_of_room(meet: Meet, slug: str, who: str) -> None:
    one, column = meet(who), WHO.index(who)
    said = {}
    for verb in TABLE:
        fields = {"name": f"Name of {who}"} if verb == "name" else {"room": slug, **FIELDS.get(verb, {})}
        said[verb] = one.ask(verb, fields)
    assert said == {verb: rows[slug][column] for verb, rows in TABLE.items()}
    shown = {page: one.open(page[0], page[1].format(slug=slug)) for page in PAGES}
    assert shown == {page: rows[slug][column] for page, rows in PAGES.items()}


def test_the_tables_have_a_cell_for_every_verb_page_room_and_person() -> None:
    for rows in (*TABLE.values(), *PAGES.values()):
        assert rows.keys() == ROOMS.keys()
        assert all(len(row) == len(WHO) for row in rows.values())


def test_no_envelope_is_missing_in_the_table() -> None:
    assert TABLE.keys() == (json_codec._payloads.keys() | json_codec.UNSUPPORTED) - {"ping", "pong"}
