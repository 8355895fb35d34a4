"""What daphne and uvicorn lack, mended when `chatsite.asgi` is imported, so that their plain commands have it.

Each module names what it mends and was written against the versions in its `TESTED`; docs/servers.md has the list.
"""

from __future__ import annotations

import sys

from chat.node import Node


def install(node: Node) -> None:
    """Mend the servers that this process has imported; never import one, daphne's import alone makes an event loop."""
    if "daphne.server" in sys.modules:
        from chatsite.servers import daphne

        daphne.install(node)
    if "uvicorn.protocols.websockets.websockets_sansio_impl" in sys.modules:
        from chatsite.servers import uvicorn

        uvicorn.install(node)
