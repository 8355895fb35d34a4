"""What a client may ask for."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

MAX_ROOMS_PER_JOIN = 50
MAX_HISTORY = 200
MAX_TOKEN = 4096

Id = Annotated[str, Meta(max_length=64)] | Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None
Slug = Annotated[str, Meta(max_length=64)]
# A message's number or an offset; what JavaScript holds exactly is enough, and every database takes it.
Number = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Key = Annotated[str, Meta(min_length=8, max_length=64)]


class Since(Struct, frozen=True):
    epoch: Annotated[str, Meta(max_length=64)] | None
    offset: Number | None


class RoomSince(Struct, frozen=True):
    room: Slug
    since: Since | None = None


class Join(Struct, frozen=True, tag="join"):
    room: Slug | None = None
    since: Since | None = None
    rooms: Annotated[list[RoomSince], Meta(min_length=1, max_length=MAX_ROOMS_PER_JOIN)] | None = None


class Leave(Struct, frozen=True, tag="leave"):
    room: Slug


class Send(Struct, frozen=True, tag="send"):
    room: Slug
    text: str | None = None
    data: bytes | None = None
    key: Key | None = None
    reply_to: Number | None = None


class Edit(Struct, frozen=True, tag="edit"):
    room: Slug
    message: Number
    text: str
    offset: Number | None = None


class Delete(Struct, frozen=True, tag="delete"):
    room: Slug
    message: Number
    offset: Number | None = None


class React(Struct, frozen=True, tag="react"):
    room: Slug
    message: Number
    emoji: Annotated[str, Meta(min_length=1, max_length=16)]
    on: bool = True


class History(Struct, frozen=True, tag="history"):
    room: Slug
    before: Number | None = None
    after: Number | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_HISTORY)] = 50


class Auth(Struct, frozen=True, tag="auth"):
    token: Annotated[str, Meta(min_length=1, max_length=MAX_TOKEN)]


class Read(Struct, frozen=True, tag="read"):
    room: Slug
    message: Number


class Name(Struct, frozen=True, tag="name"):
    name: Annotated[str, Meta(max_length=256)]


class Ping(Struct, frozen=True, tag="ping"):
    pass


class Pong(Struct, frozen=True, tag="pong"):
    pass


Command = Auth | Join | Leave | Send | Edit | Delete | React | History | Read | Name | Ping | Pong
