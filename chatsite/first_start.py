"""The first start: the link that makes the administrator, in the log while there are no accounts."""

from __future__ import annotations

import logging
import os
import threading

from django.conf import settings
from django.db import Error, connections

from chat import set_up

logger = logging.getLogger("chatsite")

# What `make run` and `serve` know, and a server that is imported by daphne or uvicorn does not: its own address.
SITE = "CHATSITE_AT"


def tell() -> None:
    """Log the link, from a thread: a server may import the application while its event loop runs already."""
    threading.Thread(target=_tell, name="first-start", daemon=True).start()


def _tell() -> None:
    try:
        if set_up.needed():
            logger.info("Nobody has an account yet. This link makes the administrator, once: %s", link())
    except Error as error:
        logger.warning("Whether there are accounts is not known: %s", " ".join(str(error).split()))
    finally:
        connections.close_all()


def link() -> str:
    site = settings.CHAT.site_url or os.environ.get(SITE, "")
    return set_up.link(site) if site else f"{set_up.link('')} at this server's address"
