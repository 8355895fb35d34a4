"""The site under the chaos: two servers and a worker on one Redis and one database, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from random import Random

from tests.live.farm import Farm
from tests.live.redis import RedisServer
from tests.live.servers import Server
from tests.live.waiting import until

from .database import Database, Sqlite
from .plan import Fault

APPLICATION = "chatsite.asgi:application"
VARIABLES = {
    "SECRET_KEY": "a key of the chaos, the same on every node",
    "CHAT_MESSAGE_RATE": "0",
    "CHAT_MAX_CONNECTIONS_PER_IP": "0",
}
ROOMS = ("lobby", "chaos-1", "chaos-2")
ROWS = f"""
from chat.models import Room
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
for slug in {ROOMS[1:]!r}:
    Room.objects.create(slug=slug, title=slug)
for number in range(%d):
    client = Client()
    client.force_login(User.objects.create_user(f"writer-{{number}}"))
    print("session:" + client.cookies[settings.SESSION_COOKIE_NAME].value)
"""
MOST_DOWN_SECONDS = 2.0
# The servers' goal after a dead Redis is 5 s.
BACK_SECONDS = 25.0


class Site:
    """Everything that can be killed. `frozen` is how long Redis hangs when it does, in seconds."""

    def __init__(
        self, farm: Farm, redis: RedisServer, database: Database | None, frozen: float, application: str = APPLICATION
    ) -> None:
        self.farm, self.redis, self.frozen = farm, redis, frozen
        self.var_dir = farm.directory / "site"
        self.var_dir.mkdir()
        self.database = database or Sqlite(self.var_dir / "chatsite.sqlite3")
        self.variables = {**VARIABLES, "REDIS_URL": redis.url, **self.database.variables}
        self.sessions: list[str] = []
        self.servers: list[Server] = []
        self.application = application
        self.done: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.redis_turn, self.database_turn = asyncio.Lock(), asyncio.Lock()
        self.server_turns = [asyncio.Lock(), asyncio.Lock()]

    def start(self, accounts: int) -> None:
        """Start everything; make rooms and accounts."""
        self.redis.start()
        self.farm.manage(self.var_dir, "migrate", "-v0", **self.variables)
        said = self.farm.manage(self.var_dir, "shell", "-v0", "-c", ROWS % accounts, **self.variables).stdout
        self.sessions = re.findall(r"session:(\w+)", said)
        options = {"application": self.application}
        for kind in ("daphne", "uvicorn"):
            self.servers.append(self.farm.server(kind, var_dir=self.var_dir, options=options, **self.variables))
        self.worker = self.farm.worker(self.var_dir, "broadcast_time", **self.variables)

    def end(self) -> None:
        self.redis.thaw()
        self.farm.end()
        self.redis.kill()
        self.database.end()

    # Faults

    async def suffer(self, fault: Fault) -> str:
        """Do one fault, and mend it; return what was done."""
        random = Random(fault.seed)
        self.done[fault.kind] += 1
        match fault.kind.split():
            case ["kill", "server", number]:
                return await self.kill_server(int(number), random)
            case ["fault", "database"]:
                async with self.database_turn:
                    return await asyncio.to_thread(self.database.fault, random)
            case _:
                async with self.redis_turn:
                    return await asyncio.to_thread(self.fault_redis, fault.kind, random)

    async def kill_server(self, number: int, random: Random) -> str:
        pause = random.uniform(0, MOST_DOWN_SECONDS)
        async with self.server_turns[number]:
            await self.hear(number)
            self.servers[number].kill()
            await asyncio.sleep(pause)
            await asyncio.to_thread(self.servers[number].start)
        return f"{self.servers[number].kind} killed, started after {pause:.1f} s"

    def fault_redis(self, kind: str, random: Random) -> str:
        pause = random.uniform(0, MOST_DOWN_SECONDS)
        match kind:
            case "kill redis":
                self.redis.kill()
                time.sleep(pause)
                self.redis.start()
                return f"Redis killed, started after {pause:.1f} s"
            case "restart redis":
                self.redis.terminate()
                self.redis.start()
                return "Redis restarted"
            case "freeze redis":
                self.redis.freeze()
                time.sleep(self.frozen)
                self.redis.thaw()
                return f"Redis stopped for {self.frozen:g} s"
            case "cut redis clients":
                killed = until(self.redis.cut_clients, "somebody is connected to Redis", BACK_SECONDS)
                return f"{killed} connections killed by Redis"
        raise ValueError(f"no such fault: {kind}")

    # What the servers tell

    async def hear(self, number: int) -> None:
        """Add up what a server tells of itself, since a killed one forgets it."""
        server = self.servers[number]
        if not server.alive:
            return
        try:
            report = await asyncio.to_thread(server.ready)
        except (OSError, ValueError):
            self.told["reports missing"] += 1
            return
        self.told["reports"] += 1
        for name in {"gaps", "filled"} & report.keys():
            self.told[name] += report[name]
