"""The conversation: what one client asks for, and what it is answered."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from chat.database import PAYER, Unavailable
from chat.doors import granted_in
from chat.live.connection import Connection
from chat.live.fanout import cost_of_change, cost_of_event, cost_of_text, payer_of
from chat.live.identity import Identity
from chat.live.jobs import Job, Jobs
from chat.live.limits import AUTH_FRAMES, HISTORY_FRAMES, JOIN_FRAMES, NAME_FRAMES
from chat.node import Node
from chat.reading import NO_DATABASE, Reading
from chat.rooms.changes import Change, Delete, Done, Edit, Outcome, React, Write
from chat.signing import Signing
from chat.wire import commands, json
from chat.wire.codes import BAD_FRAMES, FLOODING, Error, WireError
from chat.wire.commands import Auth, Command, History, Id, Join, Leave, Name, Ping, Pong, Read, Send
from chat.wire.events import Message

logger = logging.getLogger("chat.conversation")

TOO_MANY_BYTES = "Too many bytes for the members of this room at once. Wait a moment."


def cost_of(command: Command) -> int:
    """Return how many frames' worth a client asks for: a log's page, each room, and who somebody is cost the server more than a frame."""
    match command:
        case Join():
            return max(JOIN_FRAMES, len(command.rooms or ()))
        case History():
            return HISTORY_FRAMES
        case Auth():
            return AUTH_FRAMES
        case Name():
            return NAME_FRAMES
    return 1


class Conversation:
    """Answers one connection. Nothing here waits, but for the jobs, which run in order beside the frames."""

    def __init__(self, node: Node, connection: Connection) -> None:
        self.node = node
        self.connection = connection
        self.jobs = Jobs()
        self.began = False
        self.reading = Reading(node, connection, self.answer)
        self.signing = Signing(node, connection, self.answer, self.moved)

    def hear(self, text: str | None, data: bytes | None, room: str) -> str | None:
        """Take one frame; return the room that it was said in, if it was said in one."""
        connection = self.connection
        try:
            self.charge(1)
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
        if error.code is Error.BAD_FRAME and not error.key and connection.patience.bad_frame():
            connection.close(BAD_FRAMES)
        elif error.code is Error.RATE_LIMITED and error.counts and connection.patience.over_rate():
            connection.close(FLOODING)

    def end(self) -> None:
        self.jobs.cancel()
        self.signing.end()

    def charge(self, frames: int, id: Id = None) -> None:
        """Count what a client asks for against its rate. Raises: WireError."""
        wait = self.connection.frames.take(self.connection.lane.loop.time(), frames)
        if wait:
            raise WireError(Error.RATE_LIMITED, "Too many frames.", id=id, retry_after_s=wait)

    def obey(self, id: Id, command: Command) -> None:
        """Do what a client asks for. Raises: WireError."""
        self.charge(cost_of(command) - 1, id)  # Its frame is counted already.
        match command:
            case Ping():
                self.answer("pong", id)
            case Pong():
                pass  # A sign of life, and the lane has seen it.
            case Auth():
                self.later(id, partial(self.signing.auth, id, command))
            case Name():
                self.later(id, partial(self.signing.rename, id, command))
            case Join():
                self.later(id, partial(self.read, partial(self.reading.join, id, command)))
            case History():
                self.later(id, partial(self.read, partial(self.reading.history, id, command)))
            case Send() | Leave() | Read() | commands.Edit() | commands.Delete() | commands.React():
                # What follows a join that is still under way must not overtake it.
                if self.jobs.busy:
                    self.later(id, partial(self.obey_later, id, command))
                else:
                    self.obey_now(id, command)

    def obey_now(self, id: Id, command: Command) -> None:
        try:
            self.signing.check()
            match command:
                case Send():
                    self.say(id, command)
                case Leave():
                    self.part(id, command)
                case Read():
                    self.node.personal.read(self.connection, command.room, command.message)
                    self.answer("ack", id, {})
                case commands.Edit() | commands.Delete() | commands.React():
                    self.change(id, command)
        except WireError as error:
            error.id = id
            raise

    async def read(self, job: Job) -> None:
        self.signing.check()  # Not before its turn: an `auth` may be under way.
        await job()

    async def obey_later(self, id: Id, command: Command) -> None:
        self.obey_now(id, command)

    def later(self, id: Id, job: Job) -> None:
        """Run a job after those before it. Raises: WireError where too many wait."""
        if not self.jobs.add(partial(self.guard, id, job)):
            raise WireError(Error.RATE_LIMITED, f"At most {Jobs.most} requests may wait.", id=id, retry_after_s=1.0)

    async def guard(self, id: Id, job: Job) -> None:
        """Run a job; what goes wrong in it is the client's answer. Who is being sent away has nothing more to say."""
        if self.connection.closing is not None:
            return
        PAYER.set(payer_of(self.connection))
        try:
            await job()
        except WireError as error:
            error.id = id
            self.refuse(error)
        except Unavailable:
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
        self.pay(send.room, cost_of_text(send.text, send.data))
        self.connection.patience.accepted()
        address = self.connection.address if self.connection.codec.name == "raw" else ""
        if self.node.hub.is_durable(send.room):
            self.write(id, send, address)
            return
        self.node.doors.check_post(send.room, self.connection)
        if send.reply_to is not None:
            raise WireError(Error.UNSUPPORTED, "This room keeps no messages to reply to.")
        done = None if id is None else lambda message, taken: self.said(id, message, taken)
        self.node.relay.say(send, self.connection.person, address, done)

    def write(self, id: Id, send: Send, address: str) -> None:
        """Hand a message to the writer. Raises: WireError."""
        if send.text is not None and "\0" in send.text:
            raise WireError(Error.BAD_FRAME, "Expected text without U+0000, got it inside")
        self.node.writer.take(
            Write(
                room=send.room,
                author=self.connection.person,
                granted=granted_in(send.room, self.connection),
                key=send.key or secrets.token_hex(16),
                done=lambda outcome: self.written(id, send.room, outcome),
                text=send.text,
                data=send.data,
                address=address,
                reply_to=send.reply_to,
            )
        )

    def written(self, id: Id, room: str, outcome: Outcome) -> None:
        """Tell what became of a message."""
        if isinstance(outcome, Done):
            at = json.timestamp(outcome.at)
            self.answer("ack", id, {"message": outcome.message, "offset": outcome.offset, "at": at})
            self.node.personal.wrote(self.connection, room, outcome.message)
        else:
            self.changed(id, outcome)

    def change(self, id: Id, wanted: commands.Edit | commands.Delete | commands.React) -> None:
        """Hand a change of a message to the writer. Raises: WireError."""
        if wanted.room not in self.connection.rooms:
            raise WireError(Error.NOT_JOINED, f"Join {wanted.room[:64]!r} before you change anything in it.")
        if not self.node.hub.is_durable(wanted.room):
            raise WireError(Error.UNSUPPORTED, "This room keeps no messages.")
        wait = self.connection.messages.take(self.connection.lane.loop.time())
        if wait:
            raise WireError(
                Error.RATE_LIMITED, f"At most {self.node.conf.message_rate:g} changes a second.", retry_after_s=wait
            )
        text = wanted.text if isinstance(wanted, commands.Edit) else None
        paid = self.pay(wanted.room, cost_of_change(text))
        self.connection.patience.accepted()
        payer, members = payer_of(self.connection), self.node.hub.count(wanted.room)

        def done(outcome: Outcome) -> None:
            event = outcome.event if isinstance(outcome, Done) else None
            self.node.fanout.settle(payer, (cost_of_event(event) - paid) * members)
            self.changed(id, outcome)

        self.node.writer.take(self.change_of(wanted, done))

    def pay(self, room: str, size: int) -> int:
        """Pay for what each member of a room on this process gets; return the bytes. Raises: WireError."""
        if size:
            cost = size * self.node.hub.count(room)
            wait = self.node.fanout.take(payer_of(self.connection), cost, self.connection.lane.loop.time())
            if wait:
                raise WireError(Error.RATE_LIMITED, TOO_MANY_BYTES, retry_after_s=wait, counts=False)
        return size

    def change_of(
        self, wanted: commands.Edit | commands.Delete | commands.React, done: Callable[[Outcome], None]
    ) -> Change:
        common: dict[str, Any] = {
            "room": wanted.room,
            "author": self.connection.person,
            "granted": granted_in(wanted.room, self.connection),
            "key": secrets.token_hex(16),
            "done": done,
            "message": wanted.message,
        }
        match wanted:
            case commands.Edit():
                return Edit(**common, text=wanted.text, offset=wanted.offset)
            case commands.Delete():
                return Delete(**common, offset=wanted.offset)
            case commands.React():
                return React(**common, emoji=wanted.emoji, on=wanted.on)

    def changed(self, id: Id, outcome: Outcome) -> None:
        if isinstance(outcome, Done):
            self.answer("ack", id, {"offset": outcome.offset})
        elif self.connection.closing is None:
            named = outcome.named()
            self.connection.refuse(
                WireError(outcome.code, outcome.message, id=id, retry_after_s=outcome.retry_after_s, **named)
            )

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

    def part(self, id: Id, leave: Leave) -> None:
        if leave.room not in self.connection.rooms:
            raise WireError(Error.NOT_JOINED, f"You are not in {leave.room!r}.")
        self.node.hub.discard(leave.room, self.connection)
        self.answer("ack", id, {"room": leave.room})

    async def moved(self, was: Identity) -> None:
        """Leave the rooms that the client, who may be somebody else now, may not read in; tell them of their own.

        Raises: Unavailable.
        """
        connection = self.connection
        if (connection.person.id, connection.identity.granted) != (was.person.id, was.granted):
            try:
                await self.node.doors.recheck([connection])
            except Unavailable:
                # Nobody says what they may read: they have to join again.
                for slug in tuple(connection.rooms):
                    self.node.hub.shut_out(slug, {connection.person.id})
        if connection.person.kind == "user":
            await self.begin()

    async def begin(self) -> None:
        """Tell the signed-in of their own rooms. Raises: Unavailable."""
        again, self.began = self.began, True
        await self.node.personal.begin(self.connection, again=again)

    def welcome(self) -> None:
        """Say who and where they are; then, to the signed-in, which rooms are theirs."""
        self.answer("welcome", None, {**self.node.welcome(self.connection), **self.signing.described()})
        if self.connection.person.kind == "user":
            self.later(None, self.begin)

    def answer(self, kind: str, id: Id, payload: Any = None) -> None:
        """Put an envelope into the outbox; an ack that nobody can match is not sent."""
        if kind == "ack" and id is None:
            return
        encoded = json.envelope(kind, id=id) if payload is None else json.envelope(kind, payload, id)
        self.connection.put(json.pack([encoded]))
