"""The ASGI application: `daphne chatsite.asgi:application`, `uvicorn chatsite.asgi:application`."""

from __future__ import annotations

import dataclasses
import logging
import os

# Not by default: a shell may name another project's settings, and there are none but these.
os.environ["DJANGO_SETTINGS_MODULE"] = "chatsite.settings"

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.layers import get_channel_layer
from django.conf import settings

from chat import __version__, assets, ticker
from chat.bodies import BodyLimit
from chat.checks import check_settings
from chat.consumers import ChatConsumer
from chat.cookies import Cookies
from chat.health import Health
from chat.hosts import Hosts
from chat.node import Node
from chat.origins import OriginGate
from chat.proxies import Proxies, trust_of
from chat.requests import Requests
from chat.routing import routes
from chat.site import stated
from chat.static_files import StaticFiles
from chat.writes import Writes
from chatsite import embedded, first_start, interpreter, servers
from chatsite.files import raise_open_files_limit
from chatsite.gateway import Gateway

logger = logging.getLogger("chatsite")

conf = dataclasses.replace(settings.CHAT, max_connections=raise_open_files_limit(settings.CHAT.max_connections))
lock = None if conf.clustered else embedded.be_the_only_one(conf.var_dir)
node = Node(conf, get_channel_layer(), ticker.run_embedded, settings.TURN)
pages = Requests(Writes(django_application, node.changed))
http = Cookies(BodyLimit(pages))
if not settings.DEBUG:
    http = StaticFiles(http, assets.installed(), https_only=conf.https_only, hsts_seconds=settings.SECURE_HSTS_SECONDS)
application = Gateway(
    node,
    http=Health(Proxies(Hosts(http), trust_of(conf)), node),
    websocket=Proxies(
        Hosts(
            OriginGate(
                routes(ChatConsumer.as_asgi(node=node)), conf.allowed_hosts, node.lets_in, conf.https_only, stated()
            )
        ),
        trust_of(conf),
    ),
)
servers.install(node)
for problem in check_settings():
    logger.warning("%s", " ".join(str(problem).split()))
logger.info(
    "chatsite %s pid=%d node=%s layer=%s up to %s connections, database %s",
    __version__,
    os.getpid(),
    node.id,
    "redis" if conf.clustered else "in-memory",
    conf.max_connections or "any number of",
    conf.database,
)
first_start.tell(node.readiness.learn)
interpreter.tune()
