"""The first lines of a server's log: migrations that are missing, and the link that makes the administrator."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from django.conf import settings
from django.db import Error, connections

from chat import schema, set_up
from chat.schema import Schema

logger = logging.getLogger("chatsite")

# What `make run` and `serve` know, and a server that is imported by daphne or uvicorn does not: its own address.
SITE = "CHATSITE_AT"


def tell(learn: Callable[[Schema], None]) -> None:
    """Read the schema and log the link, from a thread: a server may import the application in a running event loop."""
    threading.Thread(target=_tell, args=[learn], name="first-start", daemon=True).start()


def _tell(learn: Callable[[Schema], None]) -> None:
    try:
        found = schema.read()
        learn(found)
        if not found.missing and set_up.needed():
            logger.info("Nobody has an account yet. This link makes the administrator, once: %s", link())
    except Error as error:
        logger.warning("Whether there are accounts is not known: %s", " ".join(str(error).split()))
    finally:
        connections.close_all()


def link() -> str:
    site = settings.CHAT.site_url or os.environ.get(SITE, "")
    return set_up.link(site) if site else f"{set_up.link('')} at this server's address"
