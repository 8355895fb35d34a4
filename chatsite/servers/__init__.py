"""What daphne and uvicorn lack, mended when `chatsite.asgi` is imported, so that their plain commands have it.

Each module names what it mends and was written against the versions in its `TESTED`; docs/servers.md has the list.
"""

from __future__ import annotations

import sys

from chat.node import Node


def install(node: Node) -> None:
    """Mend the server that this process runs on; never import the other one, daphne's import alone makes an event loop.

    The commands import their server first and the application second; uvicorn's imports its WebSockets third.
    """
    if "daphne.server" in sys.modules:
        from chatsite.servers import daphne

        daphne.install(node)
    if "uvicorn" in sys.modules:
        from chatsite.servers import uvicorn

        uvicorn.install(node)
