"""The node: one process's live half, put together."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import random
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

import msgspec

from chat import people
from chat.authority import Authority
from chat.broker import EVENTS, EVERYBODY, Broker, group_of, post
from chat.conf import Conf
from chat.database import Database, Unavailable, ask, threads_for
from chat.doors import Doors, reader_of
from chat.layers import Layer, pulse_groups, refuse_replicas
from chat.live.allowlist import AllowList
from chat.live.connection import Connection
from chat.live.contact import Contact
from chat.live.fanout import Fanout
from chat.live.heartbeat import Heartbeat
from chat.live.hub import Hub
from chat.live.link import Link
from chat.live.membership import Membership
from chat.live.places import Limits, Places
from chat.live.registry import Registry
from chat.look import Figures, Look, Seen
from chat.models.process import key_mark
from chat.namesakes import Namesakes
from chat.notes import MAX_NOTES
from chat.outage import Outage
from chat.peers import Peers
from chat.personal import Personal
from chat.readiness import Readiness
from chat.rooms import log, own, recovery
from chat.rooms.changes import Change, Done, Outcome
from chat.rooms.directory import Directory
from chat.rooms.relay import Relay
from chat.rooms.writer import Writer
from chat.sessions import Sessions, Watch
from chat.tokens import Tokens
from chat.wire import events as wire
from chat.wire import json
from chat.wire.codec import Codec
from chat.wire.codes import ORIGIN_CLOSED, RESYNC, ROOM_NOT_FOUND, SERVER_RESTART, SESSION_ENDED, Close
from chat.wire.events import Event
from chat.wire.json import JsonCodec
from chat.wire.origins import Origin
from chat.wire.raw import RawCodec

logger = logging.getLogger("chat.node")

# Clients that are sent away together come back spread over this, and a second more for each so many of them.
SPREAD_SECONDS = 2.0
RETURNING_A_SECOND = 200
MAX_SPREAD_SECONDS = 20.0
# Who finds no place comes back after this: places become free within minutes, and each try costs a handshake.
NO_PLACE_SECONDS = (20.0, 180.0)
# Of many connections so many are told something at once, then the loop may write to them.
DRAIN_BATCH = 200
# Who has not gone after this long is cut off; the rest of the drain is for the consumers to end.
FAREWELL_SECONDS = 3.0
RESTART_SECONDS = 1.0
# A note that is found so soon after a request here was written by it, or as good as.
HINT_SECONDS = 2.0
# A storm of joins is read one after the other; who waits longer than this is told to come again.
READ_SECONDS = 10.0
# Each is a connection: one for those who arrive or sign in, one for joins and fills, one for what may wait.
DATABASE_THREADS = 3
# What nobody waits for at a door: it shares one thread, however much of it there is.
LATER = (recovery.history, people.check_free, people.skeletons_of, own.rooms_of, own.marks, own.mark_read)
# What was accepted is written before a clean end.
WRITE_SECONDS = 5.0

Turn = Callable[[], contextlib.AbstractContextManager[Any]]
Ticker = Callable[[Callable[[str, Event], Awaitable[None]]], Awaitable[None]]


class Node:
    """Everything that the connections of one process share. Made once, started in the server's event loop."""

    def __init__(self, conf: Conf, layer: Layer, ticker: Ticker, turn: Turn = contextlib.nullcontext) -> None:
        self.conf = conf
        self.layer = layer
        self.ticker = ticker
        self.id = secrets.token_hex(6)
        self.draining = False
        self.unknown_events: Counter[str] = Counter()
        self.codecs: dict[str, Codec] = {
            "raw": RawCodec(conf.raw_sender, conf.max_message_bytes),
            "json": JsonCodec(conf.max_message_bytes, conf.max_envelope_bytes),
        }
        threads = threads_for(DATABASE_THREADS, LATER)
        self.database = Database(outage=Outage("The database", "nobody new is let in"), threads=threads)
        self.reader = Database(READ_SECONDS, Outage("The database", "joins, history and fills wait"), threads)
        self.hub = Hub(self.fill)
        self.readiness = Readiness(self.database)
        self.writer = Writer(log.commit, self.committed, turn)
        self.writer.failed = self.readiness.failed
        # Without a limit on messages nothing else is limited that is said.
        self.fanout = Fanout(conf.fanout_rate if conf.message_rate else 0)
        self.registry = Registry()
        self.places = Places(limits_of(conf))
        self.heartbeat = Heartbeat(conf.ping_interval, conf.ping_timeout)
        self.allow_list = AllowList()
        self.look = Look(self.id, Database(), time.monotonic, self.hub, self.figures, self.looked)
        self.look.wrote, self.look.failed = self.readiness.wrote, self.readiness.failed
        self.look.check = getattr(turn, "check", self.look.check)
        self.directory = Directory(self.database, time.monotonic)
        self.membership = Membership(self.wished_rooms, time.monotonic)
        self.doors = Doors(self.hub, self.membership, self.reader)
        self.personal = Personal(self.database, turn, self.hub.number)
        self.clock = time.monotonic
        self.sessions = Sessions(self.database)
        self.authority = Authority(Tokens(conf), self.sessions, self.database)
        self.watch = Watch(self.registry, self.sessions, self.session_ended, self.doors.recheck, self.clock)
        self.namesakes = Namesakes(self.registry, self.database, self.clock)
        self.changed_at = float("-inf")
        self.broker = Broker(layer, self.hub, self.id, conf.clustered)
        self.relay = Relay(self.broker.publish)
        self.link = Link(
            layer, self.membership, self.receive, group_of, self.pulse, self.groups_of_pulse, self.layer_changed
        )
        self.contact = self.link.contact = Contact(self.id, self.clock)
        self.link.check = lambda: refuse_replicas(layer)
        self.look.key = key_mark(conf.secret_key)
        self.peers = Peers(self.look.key, self.contact.expect)
        self.look.found = self.peers.found
        self.hub.on_change = self.room_changed
        self.broker.on_failure = lambda error: self.link.failed.set()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.drained: asyncio.Task[None] | None = None

    # Life

    def start(self) -> None:
        """Start what runs beside the connections; a second call does nothing."""
        if self.tasks:
            return
        self.loop = asyncio.get_running_loop()
        for name, run in (
            ("link", self.link.run),
            ("broker", self.broker.run),
            ("heartbeat", self.heartbeat.run),
            ("look", self.look.run),
            ("personal", self.personal.run),
            ("watch", self.watch.run),
        ):
            self.tasks[name] = asyncio.get_running_loop().create_task(self._supervise(name, run), name=name)

    async def _supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await run()
            except Exception:
                logger.exception("%s ended, and is started again", name)
            await asyncio.sleep(RESTART_SECONDS)

    def room_changed(self) -> None:
        self.membership.touch()
        if self.conf.embedded_broadcast and self.hub.rooms and "ticker" not in self.tasks and not self.draining:
            self.tasks["ticker"] = asyncio.get_running_loop().create_task(self._tick(), name="ticker")

    async def _tick(self) -> None:
        """Tick the broadcasts while there are members."""
        ticking = asyncio.create_task(self._supervise("ticker", lambda: self.ticker(self.publish)))
        try:
            while self.hub.rooms:
                await asyncio.sleep(RESTART_SECONDS)
        finally:
            ticking.cancel()
            await asyncio.wait([ticking])
            del self.tasks["ticker"]

    async def drain(self) -> None:
        """Send everybody away and stop, within the time that CHAT_DRAIN_SECONDS gives."""
        if self.drained is None:
            self.drained = asyncio.get_running_loop().create_task(self._drain())
        await asyncio.shield(self.drained)

    async def _drain(self) -> None:
        self.draining = True
        deadline = time.monotonic() + self.conf.drain_seconds
        leaving = list(self.registry)
        logger.info("draining %d connections", len(leaving))
        await self._close(leaving, SERVER_RESTART)
        await self._emptied(min(deadline - 1, time.monotonic() + FAREWELL_SECONDS))
        for connection in self.registry:
            connection.lane.abort()
        await self._emptied(deadline - 0.5)
        await self.writer.flushed(max(0.5, min(WRITE_SECONDS, deadline - time.monotonic())))
        await self.broker.flushed(0.5)
        await self.stop()

    async def _close(self, leaving: Collection[Connection], close: Close) -> None:
        def send_away(connection: Connection) -> None:
            connection.close(close, self.spread(len(leaving)) if close.reconnect else 0.0)

        await in_batches(leaving, send_away)

    async def _emptied(self, deadline: float) -> None:
        while self.places.total and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End what runs beside the connections and leave the layer."""
        tasks = list(self.tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        await self.look.goodbye()
        try:
            async with asyncio.timeout(1.0):
                await self.layer.flush()
        except Exception as error:  # The layer may be dead: that must not keep a server from ending.
            logger.warning("the channel layer could not be left cleanly: %r", error)

    # The channel layer

    def receive(self, message: dict[str, Any]) -> None:
        """Take one message of the channel layer; what is not understood is counted, never raised."""
        kind, room, node = message.get("type"), message.get("room"), message.get("node")
        if kind != EVENTS or not isinstance(room, str):
            self.unknown_events[str(kind)[:64]] += 1
            return
        if not room:
            self._pulse_came(str(node), str(message.get("group", "")), message.get("hears", ()))
            return
        if node == self.id:
            return
        if room == EVERYBODY:
            self.look.soon()
            return
        self._deliver(room, message.get("events"))
        if "changes" in message:
            self._deliver(room, message["changes"])

    def _deliver(self, room: str, packed: Any) -> None:
        """Deliver what another process has packed; an event that only a later version knows hides no other."""
        try:
            for event in self._unpack(packed):
                self.hub.deliver(room, event)
        except (msgspec.DecodeError, TypeError):
            self.unknown_events["undecodable"] += 1

    def _unpack(self, packed: Any) -> list[Event]:
        try:
            return wire.unpack(packed)
        except msgspec.ValidationError:
            events, unknown = wire.unpack_known(packed)
            self.unknown_events["undecodable"] += unknown
            return events

    def _pulse_came(self, node: str, group: str, hears: Any) -> None:
        if node == self.id:
            self.link.felt(group)
        elif isinstance(hears, list | tuple):
            self.contact.pulse_came(node, group, hears)

    async def pulse(self, group: str) -> None:
        await post(self.layer, "", [], node=self.id, group=group, hears=self.contact.hears(group))

    def groups_of_pulse(self) -> list[str]:
        return pulse_groups(self.layer) if self.conf.clustered else []

    def layer_changed(self, up: bool) -> None:
        self.broker.up = up

    def wished_rooms(self) -> Collection[str]:
        """Return the rooms whose groups this process is to be in."""
        return (*self.hub.rooms, EVERYBODY) if self.conf.clustered else self.hub.rooms.keys()

    async def publish(self, room: str, event: Event) -> None:
        """Publish what the server itself says."""
        self.broker.publish(room, event)

    # The log

    async def commit(self, change: Change) -> Outcome:
        """Make a change that no connection asks for; its `done` is not called."""
        made: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        change.done = lambda outcome: None if made.done() else made.set_result(outcome)
        self.writer.take(change)
        return await made

    def committed(self, answers: list[tuple[Change, Outcome]]) -> None:
        """Tell those who made a group's changes, and everybody else what they made."""
        events: dict[str, list[Event]] = {}
        for change, outcome in answers:
            self._tell(change, outcome)
            if isinstance(outcome, Done) and outcome.event is not None:
                events.setdefault(change.room, []).append(outcome.event)
        for room, made in events.items():
            self.broker.publish_all(room, made)

    @staticmethod
    def _tell(change: Change, outcome: Outcome) -> None:
        """Tell who made a change; one who cannot be told keeps nobody else from it."""
        try:
            change.done(outcome)
        except Exception:
            logger.exception("somebody in room %s could not be told of a change", change.room)

    async def fill(self, slug: str, since: int) -> recovery.Fill | None:
        """Return what a room's stream has missed, or None where the database does not say."""
        try:
            return await self.fill_for(slug, since)
        except Unavailable:
            return None  # Its outage is in the log; the stream asks again.

    async def fill_for(self, slug: str, since: int) -> recovery.Fill | None:
        """Return what a room's stream has missed, and who may not hear of it. Raises: Unavailable."""
        asked = [reader_of(slug, member) for member in self.hub.present(slug)]
        found = await ask(self.reader, recovery.fill, slug, since, asked)
        if found is None or found.head.policy.open:
            return found
        # Who has come meanwhile was not asked after, and has to come again.
        came = {member.person.id for member in self.hub.present(slug)} - {reader.person.id for reader in asked}
        return dataclasses.replace(found, outsiders=found.outsiders | came)

    # What is remembered, as the look finds it

    def figures(self) -> Figures:
        return Figures(len(self.registry), len(self.hub.rooms), self.link.state)

    async def looked(self, seen: Seen) -> None:
        """Put in force what a look found; also what came in by what was known before."""
        self.allow_list.replace(seen.patterns)
        for slug in seen.gone:
            await self.put_out(slug, ROOM_NOT_FOUND)
        for slug in seen.switched:
            await self.put_out(slug, RESYNC)
        await self.doors.looked(seen.policies, lambda slug: self.put_out(slug, RESYNC))
        for slug, head in seen.heads.items():
            self.hub.seen(slug, head, seen.positions.get(slug, 0))
        await self._close_strangers()
        if len(seen.noted) >= MAX_NOTES:
            self.look.soon()  # There are more: nobody's session goes on for a second a thousand notes.
        await self.heard(self.look.notes.take(seen.noted, self.clock()))

    def changed(self) -> None:
        """Look at once: a request of this process's may have changed who somebody is."""
        self.changed_at = self.clock()
        self.look.soon()

    async def heard(self, users: Collection[int]) -> None:
        """Ask again who these users are and what they may do; let the other processes do so where it began here."""
        if users and self.clock() - self.changed_at < HINT_SECONDS:
            self.broker.hint()
        self.personal.refresh(users)
        await self.watch.hear(users)
        await self.namesakes.hear(users)

    async def session_ended(self, leaving: Collection[Connection]) -> None:
        await self._close(leaving, SESSION_ENDED)

    async def _close_strangers(self) -> None:
        """Close who came by an origin that is no more allowed."""
        closed = [origin for origin in self.registry.origins if not self.allow_list.lets_in(origin)]
        leaving = [one for origin in closed for one in self.registry.origins[origin] if one.closing is None]
        if leaving:
            more = f" and {len(closed) - 1} more" if len(closed) > 1 else ""
            logger.info("closing %d connections of %s%s: no allowed origin any more", len(leaving), closed[0], more)
            await self._close(leaving, ORIGIN_CLOSED)

    async def put_out(self, slug: str, close: Close) -> None:
        """Put everybody out of a room that is no more, or not what it was when they joined."""
        self.directory.forget(slug)
        members = self.hub.clear(slug)
        logger.info("room %s: %d members are put out (%s)", slug, len(members), close.name)
        await in_batches(members, lambda member: self._put_out(member, slug, close))

    def _put_out(self, member: Connection, slug: str, close: Close) -> None:
        if slug in member.rooms:
            return  # Has come again already, while others were told.
        resync = member.codec.encode_resync(slug)
        if resync is None:
            member.close(close, self.spread() if close.reconnect else 0.0)
        else:
            member.put(resync)

    async def lets_in(self, origin: Origin) -> bool:
        """Tell whether pages of another site may connect now."""
        await self.look.fresh()
        return self.allow_list.lets_in(origin)

    # For connections

    def codec_for(self, offered: Sequence[str]) -> Codec | None:
        """Return the codec that the client's subprotocols ask for, or None where they ask for none that we have."""
        if not offered:
            return self.codecs["raw"]
        return self.codecs["json"] if json.SUBPROTOCOL in offered else None

    async def relief(self, room: str) -> None:
        """Wait before more is read from somebody who has said something, where more comes than can be carried.

        For the writer only where there is no limit on the rate: else its line, and `unavailable`, are limit enough.
        """
        await self.hub.relief(room)
        if not self.conf.message_rate:
            await self.writer.relief()

    def has_place_for(self, slug: str) -> bool:
        """Tell whether another room may be opened in this process."""
        return not self.conf.max_rooms or slug in self.hub.rooms or len(self.hub.rooms) < self.conf.max_rooms

    def spread(self, returning: int = 0) -> float:
        """Return after how many seconds a client should come back: spread, so that they do not come all at once."""
        return random.uniform(0.5, min(MAX_SPREAD_SECONDS, SPREAD_SECONDS + returning / RETURNING_A_SECOND))

    def spread_widely(self) -> float:
        """Return after how many seconds a client that found no place should come back: spread over minutes."""
        return random.uniform(*NO_PLACE_SECONDS)

    def welcome(self, connection: Connection) -> dict[str, Any]:
        """Return the first envelope's payload."""
        conf = self.conf
        return {
            "connection": connection.id,
            "node": self.id,
            "server_time": json.timestamp(time.time()),
            "heartbeat_s": conf.ping_interval,
            "limits": {
                "message_bytes": conf.max_message_bytes,
                "message_rate": conf.message_rate,
                "message_burst": conf.message_burst,
                "rooms": conf.max_rooms_per_connection,
            },
            "features": list(json.FEATURES),
        }


def limits_of(conf: Conf) -> Limits:
    """Return how many connections one process may have."""
    return Limits(
        conf.max_connections, conf.max_connections_per_ip, conf.max_unknown_per_ip, conf.max_connections_per_user
    )


async def in_batches(connections: Collection[Connection], tell: Callable[[Connection], None]) -> None:
    """Tell every connection something, without keeping the loop from its other work."""
    for number, connection in enumerate(connections, 1):
        tell(connection)
        if number % DRAIN_BATCH == 0:
            await asyncio.sleep(0.01)
