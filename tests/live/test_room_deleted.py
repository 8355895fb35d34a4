"""A room that is deleted or gets another slug while people are in it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from .farm import Farm
from .guests import Guest
from .servers import Server
from .sockets import RawSocket
from .waiting import until

SECONDS = 10.0  # the goal is 2
IMPORTS = "from django.conf import settings; from chat.models import Room; from chat.rooms.removing import remove"


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("daphne", "Room.objects.filter(slug={room!r}).delete()"),
        ("uvicorn", "Room.objects.filter(slug={room!r}).update(slug='{room}-renamed')"),
        ("uvicorn", "print(list(remove(Room.objects.get(slug={room!r}), settings.TURN)))"),
    ],
    indirect=["kind"],
    scope="session",
)
def test_everybody_is_put_out_and_may_join_again_where_it_is_made_again(
    server: Server, farm: Farm, guest: Callable[..., Guest], raw: Callable[..., RawSocket], room: str, change: str
) -> None:
    def shell(code: str) -> None:
        farm.manage(server.var_dir, "shell", "-v0", "-c", f"{IMPORTS}; {code}")

    member, elsewhere = guest(server, room, "lobby"), guest(server, "lobby")
    plain = raw(server, f"/ws/{room}")
    shell(change.format(room=room))
    changed = time.monotonic()
    assert member.expect("resync", SECONDS)["payload"] == {"room": room}
    close = plain.ending(SECONDS)
    print(f"{server.kind}: the room is left {time.monotonic() - changed:.2f} s after the command's end")
    assert (close.code, close.reason) == (4507, "There is no such room.")
    for kind, payload, code in (
        ("send", {"room": room, "text": "x"}, "not_joined"),
        ("join", {"room": room}, "not_found"),
    ):
        assert member.ask(kind, payload)["payload"]["code"] == code
    member.send("lobby", "still here")
    assert elsewhere.message()["text"] == "still here"
    assert {it["type"] for it in elsewhere.settle()} <= {"ping"}
    shell(f"Room.objects.create(slug={room!r}, title='Again', topic='A new one')")
    until(lambda: member.ask("join", {"room": room})["type"] == "ack", "the room is found again", SECONDS)
    answer = member.join(room)
    assert (answer["title"], answer["topic"]) == ("Again", "A new one")
    member.send(room, "back")
    assert member.texts(2) == ["still here", "back"]
