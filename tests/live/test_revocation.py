"""A member who is put out of a room on one process hears nothing on another that was committed after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from .conftest import QUIET
from .farm import Farm
from .guests import Guest
from .servers import KINDS, Server
from .waiting import until

ROOMS = 20
VOLATILE = "passing"
# The goal is 1 s.
VOLATILE_SECONDS = 5.0
LOOK_SECONDS = 20.0  # ten times what a look may take
SECRET = {"SECRET_KEY": "the same for both"}
NAMES = ("owner", "ada", "eve")

# Makes three people who are members of all rooms, signs them in, and prints their numbers and their sessions.
SCRIPT = f"""
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from chat.models import Membership, Room

rooms = [Room.objects.create(slug="secret-%d" % n, title="Secret", kind="members") for n in range({ROOMS})]
rooms.append(Room.objects.create(slug="{VOLATILE}", title="Passing", kind="members", durable=False))
found = {{}}
for name in {NAMES!r}:
    user = User.objects.create_user(name)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    found[name] = [user.pk, session.session_key]
    for room in rooms:
        Membership.objects.create(room=room, user=user, role="owner" if name == "owner" else "member")
print(json.dumps(found))
"""


class Site:
    """Two processes on one database and one Redis: the owner is on the first, the others are on the second."""

    def __init__(self, farm: Farm, redis: Any) -> None:
        self.redis = redis.start()
        var_dir = farm.var_dir()
        variables = {**QUIET, **SECRET, "REDIS_URL": redis.url, "CHAT_MESSAGE_RATE": "0", "CHAT_PING_INTERVAL": "900"}
        # What pages do comes from one address here.
        self.servers = [farm.server(kind, var_dir=var_dir, **variables) for kind in KINDS]
        self.people = json.loads(farm.manage(var_dir, "shell", "-v0", "-c", SCRIPT, **SECRET).stdout.splitlines()[-1])
        self.slugs = [f"secret-{number}" for number in range(ROOMS)]
        self.http = self.servers[0].http()
        self.token = "0" * 32

    def dial(self, name: str, server: Server, *slugs: str) -> Guest:
        cookie = {"Cookie": f"sessionid={self.people[name][1]}"}
        one = Guest(server.ws(), origin=f"http://{server.netloc}", additional_headers=cookie)
        for slug in slugs or self.slugs:
            one.join(slug)
        return one

    def post(self, slug: str, **form: object) -> None:
        """Send a form of a room's members as its owner."""
        headers = {
            "Cookie": f"sessionid={self.people['owner'][1]}; csrftoken={self.token}",
            "X-CSRFToken": self.token,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self.http.request("POST", f"/rooms/{slug}/members/", urlencode(form), headers)
        answer = self.http.getresponse()
        body = answer.read()
        assert answer.status == 302, (answer.status, body[:500])

    def put_out(self, slug: str) -> None:
        self.post(slug, user=self.people["eve"][0], role="")

    def take_in(self, slug: str) -> None:
        self.post(slug, name="eve", role="member")


@pytest.fixture
def site(farm: Farm, redis_server: Any) -> Iterator[Site]:
    made = Site(farm, redis_server)
    yield made
    made.http.close()
    farm.end(list(made.servers))


def tries(site: Site, rounds: int) -> None:
    """Put Eve out of every room, say something there, and look what she hears; then take her in again; many times."""
    owner = site.dial("owner", site.servers[0])
    eve, ada = (site.dial(name, site.servers[1]) for name in ("eve", "ada"))
    for number in range(rounds):
        for slug in site.slugs:
            owner.send(slug, f"before {number}")
            site.put_out(slug)
            owner.send(slug, f"after {number}")
        for _ in site.slugs:
            heard_until(ada, f"after {number}")
        # The second process has told all of it to everybody whom it is for.
        told = [it["payload"] for it in eve.settle() if it["type"] == "message"]
        assert [it for it in told if it["text"].startswith("after")] == []
        assert eve.ask("send", {"room": site.slugs[0], "text": "let me"})["type"] == "error"
        assert eve.ask("history", {"room": site.slugs[0]})["type"] == "error"
        for slug in site.slugs:
            site.take_in(slug)
            assert [it["text"] for it in eve.join(slug)["messages"]][-1] == f"after {number}"
    for one in (owner, eve, ada):
        one.close()


def heard_until(one: Guest, text: str) -> None:
    one.pick(lambda it: it["type"] == "message" and it["payload"]["text"] == text, f"{text!r}", LOOK_SECONDS)


@pytest.mark.parametrize("redis", ["alive", "dead"])
def test_who_is_put_out_hears_nothing_that_was_committed_after(site: Site, redis: str) -> None:
    let_die(site, redis)
    tries(site, 3)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("redis", ["alive", "dead"])
def test_who_is_put_out_hears_nothing_a_thousand_times(site: Site, redis: str) -> None:
    let_die(site, redis)
    tries(site, 50)


@pytest.mark.parametrize("redis", ["alive", "dead"])
def test_who_is_put_out_of_a_volatile_room_on_another_process_hears_nothing_soon_after(site: Site, redis: str) -> None:
    """What is said there is not in a log, so nothing tells what came after; they are put out within a second."""
    let_die(site, redis)
    ada, eve = (site.dial(name, site.servers[1], VOLATILE) for name in ("ada", "eve"))
    for number in range(5):
        site.put_out(VOLATILE)
        eve.pick(lambda it: it["type"] == "resync" and it["payload"]["room"] == VOLATILE, "resync", VOLATILE_SECONDS)
        # With Redis dead it is `unavailable`, and heard here all the same.
        ada.ask("send", {"room": VOLATILE, "text": f"after {number}"})
        heard_until(ada, f"after {number}")
        assert [it for it in eve.settle() if it["type"] == "message"] == []
        assert eve.ask("join", {"room": VOLATILE})["payload"]["code"] == "forbidden"
        assert eve.ask("send", {"room": VOLATILE, "text": "let me"})["payload"]["code"] == "not_joined"
        site.take_in(VOLATILE)
        eve.join(VOLATILE)
    for one in (ada, eve):
        one.close()


def let_die(site: Site, redis: str) -> None:
    if redis == "dead":
        site.redis.kill()
        until(lambda: all(it.ready()["layer"] == "down" for it in site.servers), "the layer is seen to be down", 30)
