"""Start-up checks: settings that make sense one by one, and not together. Ids are stable (docs/configuration.md)."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import Error as DatabaseError

from chat import schema
from chat.conf import MAIL_TO_OUTPUT, Conf
from chat.database import brief
from chat.models import AllowedOrigin, Process
from chat.models.process import key_mark
from chat.peers import different_keys
from chat.schema import Schema, named
from chat.service_urls import scheme_of
from chat.tokens import key_problem
from chat.write_errors import write_error

CHECK = "check"


@register(Tags.compatibility)
def check_settings(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the configuration."""
    given = check_prefix(sys.argv, os.environ, settings.FORCE_SCRIPT_NAME or "")
    return [*check_conf(settings.CHAT), *check_hosts(settings.CHAT), *given]


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the configuration of a site that others reach."""
    conf = settings.CHAT
    found: list[CheckMessage] = []
    if conf.https_only and not (conf.trusted_proxies or conf.trusted_unix):
        found.append(
            Warning(
                "HTTPS_ONLY=1 and TRUSTED_PROXIES is empty: behind a proxy that ends TLS every page is redirected to itself.",
                hint="Set TRUSTED_PROXIES to the proxy's address (unix: it comes over a Unix socket), or let the server itself end TLS.",
                id="chat.W007",
            )
        )
    if conf.email_url != MAIL_TO_OUTPUT and not conf.site_url:
        found.append(
            Warning(
                "EMAIL_URL is set and SITE_URL is not: links in mails lead to whichever Host and port the request named.",
                hint="Set SITE_URL to the site's address, like https://chat.example.com.",
                id="chat.W011",
            )
        )
    return found


# Not one of the database's checks: those run before `migrate`, and a row would keep a server from being started.
@register(Tags.security, deploy=True)
def check_origins(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Return the rows of the allow-list that were written past its validation."""
    try:
        _, malformed = AllowedOrigin.listed()
    except DatabaseError:
        return []  # Not migrated yet, or down: that is not this check's to say.
    return [
        Error(
            f"The allowed origin {text!r} makes no sense and lets nobody in.",
            hint="Expected scheme://host[:port], or https://*.example.com for subdomains; never * alone.",
            id="chat.E008",
        )
        for text in malformed
    ]


@register(Tags.security, deploy=True)
def check_database(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Return why servers on this database would not be ready."""
    try:
        found = schema.read()
        return check_schema(found) or check_writes() or check_keys()
    except DatabaseError as error:
        return [Error(f"The database does not answer: {brief(error)}", hint="Set DATABASE_URL.", id="chat.E020")]


def check_schema(found: Schema) -> list[CheckMessage]:
    if found.missing:
        hint = "Run manage.py migrate: until then /readyz is 503, and so are pages."
        return [Error(f"Migrations are not applied: {named(found.missing)}.", hint=hint, id="chat.E021")]
    if found.later:
        known = f"The database is newer than this version of the code, which does not know {named(found.later)}."
        return [Warning(known, hint="Run the version that the database was migrated for.", id="chat.W022")]
    return []


def check_writes() -> list[CheckMessage]:
    """Ask for the turn that a write needs; write a row and take it away again."""
    try:
        getattr(settings.TURN, "check", lambda: None)()
        Process.tell(CHECK, "manage.py check", 0, 0, "up")
        Process.forget(CHECK)
    except DatabaseError as error:
        reason = write_error(error) or brief(error)
        return [
            Error(f"The database cannot be written: {reason}.", hint="/readyz is 503 until it can.", id="chat.E023")
        ]
    return []


def check_keys() -> list[CheckMessage]:
    """Compare SECRET_KEY with that of the servers that live."""
    mine = key_mark(settings.SECRET_KEY)
    strangers = sorted({it.place for it in Process.living() if it.key and it.key != mine})
    hint = "Give every server, worker and command the same environment."
    return [Error(different_keys(strangers), hint=hint, id="chat.E024")] if strangers else []


def check_conf(conf: Conf) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if conf.drain_seconds < 2:
        found.append(
            Warning(
                f"CHAT_DRAIN_SECONDS={conf.drain_seconds:g} leaves clients no time to take the close frame.",
                hint="Set 2 or more.",
                id="chat.W002",
            )
        )
    if conf.max_connections and conf.max_connections_per_ip > conf.max_connections:
        found.append(
            Warning(
                f"CHAT_MAX_CONNECTIONS_PER_IP={conf.max_connections_per_ip} is over CHAT_MAX_CONNECTIONS={conf.max_connections}: "
                "one address may take every place.",
                id="chat.W003",
            )
        )
    if conf.clustered and scheme_of(conf.database_url) == "sqlite":
        found.append(
            Warning(
                "REDIS_URL is set and the database is SQLite: every process must see the same file.",
                hint="Set DATABASE_URL=postgres://… where processes run on several machines.",
                id="chat.W004",
            )
        )
    if conf.ping_timeout > conf.ping_interval * 10:
        found.append(
            Warning(
                f"CHAT_PING_TIMEOUT={conf.ping_timeout:g} is over ten times CHAT_PING_INTERVAL={conf.ping_interval:g}: "
                "the dead are kept long.",
                id="chat.W005",
            )
        )
    problem = key_problem(conf)
    if problem:
        hint = "Until then no token of another backend is believed."
        found.append(Error(problem, hint=hint, id="chat.E010"))
    return found


def check_hosts(conf: Conf) -> list[CheckMessage]:
    if "*" in conf.allowed_hosts and not conf.debug:
        return [
            Error(
                "ALLOWED_HOSTS holds *: any name may be pointed at this server, and its page speaks for the visitor (DNS rebinding).",
                hint="Name the hosts.",
                id="chat.E006",
            )
        ]
    return []


def root_paths(arguments: Sequence[str]) -> list[str]:
    """Return the values of --root-path; daphne takes it by its beginning, too: `--root=/chat`."""
    found = []
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, sign, value = argument.partition("=")
        if name.startswith("--r") and "--root-path".startswith(name):
            found.append(value if sign else following)
    return found


def check_prefix(arguments: Sequence[str], environment: Mapping[str, str], forced: str) -> list[CheckMessage]:
    """Return that a path prefix is not supported, by whichever way of a server or of Django one is given."""
    given = [
        ("FORCE_SCRIPT_NAME", forced),
        *((name, environment.get(name, "")) for name in ("SCRIPT_NAME", "UVICORN_ROOT_PATH")),
        *(("--root-path", prefix) for prefix in root_paths(arguments)),
    ]
    return [
        Warning(
            f"{name}={prefix}: a path prefix is not supported yet; static files, sockets and links lead past it.",
            hint="Give the site a host name of its own, without a prefix.",
            id="chat.W024",
        )
        for name, prefix in given
        if prefix.strip("/ ")
    ]
