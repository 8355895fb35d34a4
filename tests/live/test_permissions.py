"""Who may do what: one table for every kind of room, every kind of person, every envelope; on real sockets."""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.messages.constants import ERROR
from django.core.signing import b64_decode

from chat.wire import json as json_codec

from .farm import Farm
from .guests import Guest
from .servers import Server
from .sockets import Ended, RawSocket

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
    "ping": dict.fromkeys(ROOMS, "yyyyyyyy"),
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
# Of a raw client that comes to the room's own address and says something: y: it comes back; e: it is refused in words;
# c: it is sent away.
RAW = {
    "p-public": "yyyyyyyy",
    "p-no-guests": "ccyyyyyc",
    "p-signed-in": "eeyyyyye",
    "p-members-write": "eeeyyyye",
    "p-announcements": "eeeeyyye",
    "p-members": "cccyyyyc",
    "p-direct": "cccyyycc",
    "p-archived": "eeeeeeee",
    "p-volatile": "cccyyyyc",
}
# What does not belong to a room. y: the page, or the answer; r: done, and led on; l: led to the sign-in; x: refused with
# 403; u: with 401; m: there is no such method here, with 405.
ELSEWHERE: dict[tuple[str, str], str] = {
    ("GET", "/rooms/"): "yyyyyyyy",
    ("GET", "/rooms/new/"): "llyyyyyl",
    ("GET", "/direct/new/"): "llyyyyyl",
    ("GET", "/accounts/profile/"): "llyyyyyl",
    ("GET", "/accounts/password/"): "llyyyyyl",
    ("GET", "/accounts/export/"): "llyyyyyl",
    ("GET", "/accounts/erase/"): "llyyyyyl",
    ("GET", "/admin/"): "aaaaaaaa",
    ("POST", "/api/v1/tokens"): "uuyyyyyu",
    ("POST", "/api/v1/tickets"): "uuyyyyyu",
    ("GET", "/api/v1/tokens"): "mmmmmmmm",
    ("DELETE", "/api/v1/tickets"): "mmmmmmmm",
    ("PUT", "/rooms/new/"): "mmmmmmmm",
}
# Of a room, in this order: what changes anything comes last. e: led on, and told why not.
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
    ("POST", "/rooms/{slug}/settings/"): {
        **dict.fromkeys(ROOMS, "llxxrrrl"),
        "p-direct": "llxxxxxl",
        "p-archived": "llxxxxxl",
    },
    ("POST", "/rooms/{slug}/invitations/"): {
        **dict.fromkeys(ROOMS, "llxxyyyl"),
        "p-direct": "llxxxxxl",
        "p-archived": "llxxxxxl",
    },
    ("POST", "/rooms/{slug}/members/"): {  # lets somebody in
        **dict.fromkeys(ROOMS, "lleerrrl"),
        "p-members": "llxerrrl",
        "p-direct": "llxeeexl",
        "p-archived": "lleeeeel",
        "p-volatile": "llxerrrl",
    },
    ("PUT", "/rooms/{slug}"): dict.fromkeys(ROOMS, "mmmmmmmm"),
    ("DELETE", "/rooms/{slug}"): dict.fromkeys(ROOMS, "mmmmmmmm"),
    ("POST", "/rooms/{slug}"): dict.fromkeys(ROOMS, "mmmmmmmm"),
    ("GET", "/rooms/{slug}/join/"): dict.fromkeys(ROOMS, "mmmmmmmm"),
    ("DELETE", "/rooms/{slug}/members/"): dict.fromkeys(ROOMS, "mmmmmmmm"),
}
FORMS: dict[str, dict[str, str]] = {
    "/rooms/{slug}/settings/": {"title": "{slug}", "topic": "by {who}", "posting": "{posting}", "guests": "{guests}"},
    "/rooms/{slug}/invitations/": {"hours": "1", "uses": "1"},
    "/rooms/{slug}/members/": {"name": "p-newcomer-{who}-{slug}", "role": "member"},
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
for who in {WHO!r}:
    for slug in {list(ROOMS)!r}:
        User.objects.create_user(f"p-newcomer-{{who}}-{{slug}}")
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
            assert self.guest.ask("name", {"name": f"Gwen {next(_numbers)}"})["type"] == "ack"

    def ask(self, verb: str, fields: dict[str, Any]) -> str:
        answer = self.guest.ask(verb, fields)
        return "y" if answer["type"] in ("ack", "pong") else LETTERS[answer["payload"]["code"]]

    def open(self, method: str, path: str, form: Mapping[str, str] | None = None) -> str:
        connection = self.server.http()
        headers = {"Cookie": self.cookie, "X-CSRFToken": CSRF, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, path, urlencode(form or {}), headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 302:
            return STATUS[answer.status]
        where = str(answer.headers["Location"])
        if where.startswith("/admin/login/"):
            return "a"
        return "l" if where.startswith("/accounts/sign-in/") else "e" if is_refusal(answer.headers) else "r"

    def say(self, slug: str) -> str:
        """Come to a room as a raw client, and say something."""
        raw = RawSocket(self.server.address)
        try:
            raw.open(f"/ws/{slug}", headers=[("Cookie", self.cookie), ("Origin", f"http://{self.server.netloc}")])
            raw.send("raw words")
            while True:
                came = str(raw.read())
                if came.endswith(" echo: raw words"):
                    return "y"
                if came.startswith("Server error: "):
                    return "e"
        except Ended as ended:
            assert ended.close.code in (4501, 4508), ended
            return "c"
        finally:
            raw.drop()


def is_refusal(headers: Any) -> bool:
    """Tell whether a page leads on with a message that says why not (Django's messages, in their cookie)."""
    cookies = SimpleCookie("; ".join(headers.get_all("Set-Cookie", [])))
    packed = next((it.value.split(":")[0] for name, it in cookies.items() if name.startswith("messages_")), "")
    data = b64_decode(packed.removeprefix(".").encode())
    told = json.loads(zlib.decompress(data) if packed.startswith(".") else data) if packed else []
    return any(ERROR in entry for entry in told)


CSRF = "0" * 32
# No two guests of one process have the same name at once.
_numbers = itertools.count(1)
STATUS = {200: "y", 401: "u", 403: "x", 405: "m"}
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
    assert one.say(slug) == RAW[slug][column]
    said = {}
    for verb in TABLE:
        fields = (
            {"name": f"Name {next(_numbers)} of {who}"} if verb == "name" else {"room": slug, **FIELDS.get(verb, {})}
        )
        said[verb] = one.ask(verb, fields)
    assert said == {verb: rows[slug][column] for verb, rows in TABLE.items()}
    row = {"posting": "everyone", "guests": "on", **ROOMS[slug]}
    words = {"slug": slug, "who": who, "posting": row["posting"], "guests": "on" if row["guests"] else ""}
    shown = {}
    for method, path in PAGES:
        form = {name: value.format(**words) for name, value in FORMS.get(path, {}).items()} if method == "POST" else {}
        shown[method, path] = one.open(method, path.format(slug=slug), {name: it for name, it in form.items() if it})
    assert shown == {page: rows[slug][column] for page, rows in PAGES.items()}


@pytest.mark.parametrize("who", WHO)
def test_every_page_that_is_no_rooms_for_everybody(meet: Meet, who: str) -> None:
    one = meet(who)
    assert {page: one.open(*page) for page in ELSEWHERE} == {
        page: row[WHO.index(who)] for page, row in ELSEWHERE.items()
    }


def test_the_tables_have_a_cell_for_every_verb_page_room_and_person() -> None:
    for rows in (*TABLE.values(), *PAGES.values()):
        assert rows.keys() == ROOMS.keys()
        assert all(len(row) == len(WHO) for row in rows.values())
    assert RAW.keys() == ROOMS.keys()
    assert all(len(row) == len(WHO) for row in (*RAW.values(), *ELSEWHERE.values()))


def test_no_envelope_is_missing_in_the_table() -> None:
    assert TABLE.keys() == (json_codec._payloads.keys() | json_codec.UNSUPPORTED) - {"pong"}
