"""Serve the tutorial's consumer, from `bench/baselines`: `daphne tutorial.asgi:application`, or uvicorn."""

from __future__ import annotations

import django
from django.conf import settings

# Over the default capacity of 100 messages are silently dropped; a reference that does would look faster than it is.
CAPACITY = 100_000

settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="a reference for benchmarks, on the loopback only",
    CHANNEL_LAYERS={
        "default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": CAPACITY}},
    },
)
django.setup()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.urls import re_path  # noqa: E402

from .consumers import ChatConsumer  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": URLRouter([re_path(r"^ws$", ChatConsumer.as_asgi())]),
    }
)
