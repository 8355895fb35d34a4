"""The conversation: what one client asks for, and what it is answered."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from chat.database import Unavailable
from chat.live.connection import Connection
from chat.live.jobs import Job, Jobs
from chat.node import Node
from chat.rooms.directory import RoomCard
from chat.wire import json, names
from chat.wire.codes import BAD_FRAMES, FLOODING, Error, WireError
from chat.wire.commands import Command, Id, Join, Leave, Name, Ping, Pong, RoomSince, Send
from chat.wire.events import Message, Person

logger = logging.getLogger("chat.conversation")

NO_DATABASE = "The database does not answer."


class Conversation:
    """Answers one connection. Nothing here waits, but for the jobs, which run in order beside the frames."""

    def __init__(self, node: Node, connection: Connection) -> None:
        self.node = node
        self.connection = connection
        self.jobs = Jobs()

    def hear(self, text: str | None, data: bytes | None, room: str) -> str | None:
        """Take one frame; return the room that it was said in, if it was said in one."""
        connection = self.connection
        try:
            wait = connection.frames.take(connection.lane.loop.time())
            if wait:
                raise WireError(Error.RATE_LIMITED, "Too many frames.", retry_after_s=wait)
            id, command = connection.codec.decode(text, data, room)
            connection.patience.good()
            self.obey(id, command)
        except WireError as error:
            self.refuse(error)
            return None
        return command.room if isinstance(command, Send) else None

    def refuse(self, error: WireError) -> None:
        """Tell the client what it did wrong; end the connection where it never learns."""
        connection = self.connection
        connection.refuse(error)
        if error.code is Error.BAD_FRAME and connection.patience.bad_frame():
            connection.close(BAD_FRAMES)
        elif error.code is Error.RATE_LIMITED and connection.patience.over_rate():
            connection.close(FLOODING)

    def end(self) -> None:
        self.jobs.cancel()

    def obey(self, id: Id, command: Command) -> None:
        """Do what a client asks for. Raises: WireError."""
        match command:
            case Ping():
                self.answer("pong", id)
            case Pong():
                pass  # A sign of life, and the lane has seen it.
            case Join():
                self.later(id, partial(self.join, id, command))
            case Send() | Leave() | Name():
                # What follows a join that is still under way must not overtake it.
                if self.jobs.busy:
                    self.later(id, partial(self.obey_later, id, command))
                else:
                    self.obey_now(id, command)

    def obey_now(self, id: Id, command: Command) -> None:
        try:
            match command:
                case Send():
                    self.say(id, command)
                case Leave():
                    self.part(id, command)
                case Name():
                    self.rename(id, command)
        except WireError as error:
            error.id = id
            raise

    async def obey_later(self, id: Id, command: Command) -> None:
        self.obey_now(id, command)

    def later(self, id: Id, job: Job) -> None:
        """Run a job after those before it. Raises: WireError where too many wait."""
        if not self.jobs.add(partial(self.guard, id, job)):
            raise WireError(Error.RATE_LIMITED, f"At most {Jobs.most} requests may wait.", id=id, retry_after_s=1.0)

    async def guard(self, id: Id, job: Job) -> None:
        """Run a job; what goes wrong in it is the client's answer."""
        try:
            await job()
        except WireError as error:
            error.id = id
            self.refuse(error)
        except Unavailable as error:
            logger.warning("the database does not answer: %s", error)
            self.refuse(WireError(Error.UNAVAILABLE, NO_DATABASE, id=id, retry_after_s=self.node.spread()))
        except Exception:
            logger.exception("connection %s: a request failed", self.connection.id)
            self.refuse(WireError(Error.INTERNAL, f"The server failed; its log has it as {self.connection.id}.", id=id))

    # Verbs

    def say(self, id: Id, send: Send) -> None:
        if send.room not in self.connection.rooms:
            raise WireError(Error.NOT_JOINED, f"Join {send.room[:64]!r} before you send to it.")
        wait = self.connection.messages.take(self.connection.lane.loop.time())
        if wait:
            rate = self.node.conf.message_rate
            raise WireError(Error.RATE_LIMITED, f"At most {rate:g} messages a second.", retry_after_s=wait)
        self.connection.patience.accepted()
        address = self.connection.address if self.connection.codec.name == "raw" else ""
        done = None if id is None else lambda message, taken: self.said(id, message, taken)
        self.node.relay.say(send, self.connection.person, address, done)

    def said(self, id: Id, message: Message, taken: bool) -> None:
        if taken:
            at = json.timestamp(message.at)
            self.answer("ack", id, {"message": message.message, "offset": None, "at": at})
        else:
            self.connection.refuse(
                WireError(
                    Error.UNAVAILABLE,
                    "Only the members on this server have it: the channel layer does not answer.",
                    id=id,
                    retry_after_s=self.node.spread(),
                )
            )

    async def join(self, id: Id, join: Join) -> None:
        if join.rooms is None:
            assert join.room is not None
            self.answer("ack", id, await self.join_one(join.room))
            return
        answers = [await self.try_join(wanted) for wanted in join.rooms]
        self.answer("ack", id, {"rooms": answers})

    async def try_join(self, wanted: RoomSince) -> dict[str, Any]:
        try:
            return await self.join_one(wanted.room)
        except WireError as error:
            return {"room": wanted.room, "error": {"code": error.code.value, "message": error.message}}
        except Unavailable:
            return {"room": wanted.room, "error": {"code": Error.UNAVAILABLE.value, "message": NO_DATABASE}}

    async def join_one(self, slug: str) -> dict[str, Any]:
        card = await self.node.directory.find(slug)
        if card is None:
            raise WireError(Error.NOT_FOUND, f"There is no room {slug!r}.")
        self.check_place(slug)
        await self.node.membership.joined(slug)
        if self.connection.closing is None:
            self.node.hub.add(slug, self.connection)
        return self.describe(card)

    def check_place(self, slug: str) -> None:
        most = self.node.conf.max_rooms_per_connection
        if slug not in self.connection.rooms and len(self.connection.rooms) >= most:
            raise WireError(Error.TOO_MANY_ROOMS, f"A connection may be in {most} rooms: leave one first.")
        if not self.node.has_place_for(slug):
            raise WireError(Error.TOO_MANY_ROOMS, "This server has as many rooms open as it may.")

    def describe(self, card: RoomCard) -> dict[str, Any]:
        """Return a join's answer; a volatile room has no position and no messages."""
        return {
            "room": card.slug,
            "title": card.title,
            "topic": card.topic,
            "you": self.connection.person,
            "epoch": None,
            "offset": None,
            "recovered": False,
            "messages": [],
            "more": False,
            "count": self.node.hub.count(card.slug),
            "members": [],
        }

    def part(self, id: Id, leave: Leave) -> None:
        if leave.room not in self.connection.rooms:
            raise WireError(Error.NOT_JOINED, f"You are not in {leave.room!r}.")
        self.node.hub.discard(leave.room, self.connection)
        self.answer("ack", id, {"room": leave.room})

    def rename(self, id: Id, name: Name) -> None:
        if self.connection.person.kind != "guest":
            raise WireError(Error.FORBIDDEN, "Who is signed in is called by the name of the account.")
        shown = names.clean(name.name)
        self.connection.person = Person(self.connection.person.id, shown, self.connection.person.kind)
        self.answer("ack", id, {"user": self.connection.person})

    def welcome(self) -> None:
        self.answer("welcome", None, self.node.welcome(self.connection))

    def answer(self, kind: str, id: Id, payload: Any = None) -> None:
        """Put an envelope into the outbox; an ack that nobody can match is not sent."""
        if kind == "ack" and id is None:
            return
        encoded = json.envelope(kind, id=id) if payload is None else json.envelope(kind, payload, id)
        self.connection.put(json.pack([encoded]))
