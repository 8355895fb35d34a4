"""Health: whether the process lives, and whether it should get traffic."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from chat.database import Unavailable, ask, brief
from chat.models import Room
from chat.node import Node
from chat.wire import json

logger = logging.getLogger("chat.health")

DATABASE_SECONDS = 2.0

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Health:
    """Answers /healthz and /readyz before Django: a view that hangs hides neither."""

    def __init__(self, app: App, node: Node) -> None:
        self.app = app
        self.node = node

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        path = scope["path"].rstrip("/")
        if path == "/healthz":
            await respond(send, 200, b"ok\n", b"text/plain")
        elif path == "/readyz":
            report = await self.report()
            await respond(send, 200 if report["status"] == "ok" else 503, json.encode(report), b"application/json")
        else:
            await self.app(scope, receive, send)

    async def report(self) -> dict[str, Any]:
        """Return what an operator wants to know; a dead channel layer is only reported."""
        node = self.node
        database = await self.database_answers()
        problems = [*([] if database else ["the database does not answer"]), *node.readiness.problems]
        return {
            "status": "draining" if node.draining else "unavailable" if problems else "ok",
            "reason": "; ".join(problems),
            "database": "up" if database else "down",
            "migrations": node.readiness.schema.state if node.readiness.schema else "unknown",
            "writes": "down" if node.readiness.write_problem else "stuck" if node.writer.stuck else "up",
            "layer": "down" if node.link.up is False else "up",
            "layer_reason": node.link.reason,
            "unheard": len(node.link.unheard),
            "connections": len(node.registry),
            "rooms": len(node.hub.rooms),
            "gaps": node.hub.gaps[0],
            "filled": node.hub.gaps[1],
            "refused": dict(node.authority.refused),
            "node": node.id,
        }

    async def database_answers(self) -> bool:
        """Tell whether the database answers, and learn whether it has our tables."""
        readiness = self.node.readiness
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                await readiness.look()
                if readiness.schema is None or not readiness.schema.missing:
                    await ask(self.node.database, Room.objects.exists)
        except (Unavailable, TimeoutError):
            readiness.doubt()
            return False
        except Exception as error:  # A probe gets an answer for any error; the log has the reason.
            logger.error("the database could not be asked (%s: %s)", type(error).__name__, brief(error))
            readiness.doubt()
            return False
        return True


async def respond(send: Any, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
