"""Every setting of the project, read from the environment in one place.

Names, defaults and meanings are documented in docs/configuration.md.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chat import service_urls
from chat.kept_key import kept_key
from chat.service_urls import FLAGS, hidden, lowered, scheme_of
from chat.wire.origins import DEFAULT_PORTS, parse_pattern, read_ipv6, read_name

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ROOT = Path(__file__).resolve().parent.parent
MAIL_TO_OUTPUT = "consolemail://"
MAIL_SCHEMES = ("consolemail", "filemail", "smtp", "smtp+tls", "smtp+ssl")
# In TRUSTED_PROXIES: whoever comes over a Unix socket.
UNIX = "unix"
# Of ::ffff:a.b.c.d, before the IPv4 address (RFC 4291, section 2.5.5.2).
MAPPED_BITS = 96
RAW_SENDERS = ("address", "name", "none")
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel")
SLUG = r"[a-z0-9][a-z0-9-]{0,63}"
MAX_RETENTION_DAYS = 36_500
JWT_ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")


class BadSetting(Exception):
    """A variable has a value that makes no sense; the message names it, the value and what is allowed."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"{name}={value!r} makes no sense: expected {allowed}. (chat.E001)")


@dataclass(frozen=True)
class Oidc:
    """The provider of single sign-on (OpenID Connect), and what it knows this site by."""

    server_url: str
    client_id: str
    client_secret: str
    name: str


@dataclass(frozen=True)
class Conf:
    """What the operator set. Sizes are bytes, times are seconds, 0 means "no limit" for limits."""

    debug: bool
    var_dir: Path
    secret_key: str
    cookie_suffix: str
    allowed_hosts: tuple[str, ...]
    database_url: str
    redis_urls: tuple[str, ...]
    time_zone: str
    trusted_proxies: tuple[Network, ...]
    trusted_unix: bool
    https_only: bool
    embedded_broadcast: bool
    default_room: str
    raw_sender: str
    guests: bool
    sign_up: bool
    oidc: Oidc | None
    email_url: str
    email_from: str
    site_url: str
    message_rate: float
    message_burst: int
    fanout_rate: float
    max_message_bytes: int
    outbox_bytes: int
    max_rooms_per_connection: int
    max_rooms: int
    retention_days: int
    drain_seconds: float
    max_connections: int
    max_connections_per_ip: int
    max_connections_per_user: int
    max_unknown_per_ip: int
    ping_interval: float
    ping_timeout: float
    jwt_key: str
    jwt_algorithm: str
    jwt_audience: str
    jwt_jwks_url: str

    @property
    def clustered(self) -> bool:
        """Whether other processes may serve the same rooms."""
        return bool(self.redis_urls)

    @property
    def database(self) -> str:
        """Which database is used, fit for a log."""
        url = self.database_url
        return service_urls.sqlite_path(url) if scheme_of(url) == "sqlite" else hidden(url)

    @property
    def max_envelope_bytes(self) -> int:
        """The largest json frame: every character of a message may be escaped to six, plus the envelope."""
        return 6 * self.max_message_bytes + 4096


class Reader:
    """Reads typed values out of an environment; raises BadSetting."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        # Not django-environ's: it takes a value that begins with `$`, as a secret may, for another variable's name.
        self.environment = environment

    def text(self, name: str, default: str = "") -> str:
        return self.environment.get(name, default).strip()

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name)
        if value and value.lower() not in FLAGS:
            raise BadSetting(name, value, "0 or 1")
        return FLAGS.get(value.lower(), default)

    def number(self, name: str, default: float, least: float, most: float, *, whole: bool = False) -> Any:
        kind: Callable[[str], float] = int if whole else float
        value = self.text(name) or str(default)
        allowed = f"a {'whole ' if whole else ''}number from {plain(least)} to {plain(most)}"
        try:
            number = kind(value)
        except ValueError:
            raise BadSetting(name, value, allowed) from None
        if not least <= number <= most:
            raise BadSetting(name, value, allowed)
        return number

    def items(self, name: str, default: str = "") -> tuple[str, ...]:
        return tuple(part.strip() for part in (self.text(name) or default).split(",") if part.strip())


def read(environment: Mapping[str, str] = os.environ) -> Conf:
    """Return the configuration that an environment describes.

    Raises: BadSetting.
    """
    reader = Reader(environment)
    debug = reader.flag("DEBUG", False)
    var_dir = Path(reader.text("CHAT_VAR_DIR") or ROOT / "var").absolute()
    redis_urls = read_redis_urls(reader)
    database_url = read_database_url(reader, var_dir)
    message_bytes: int = reader.number("CHAT_MAX_MESSAGE_BYTES", 65536, 1, 1 << 28, whole=True)
    return Conf(
        debug=debug,
        var_dir=var_dir,
        secret_key=read_secret_key(
            reader, var_dir, needed=not debug and (bool(redis_urls) or scheme_of(database_url) != "sqlite")
        ),
        cookie_suffix=read_cookie_suffix(reader),
        allowed_hosts=read_allowed_hosts(reader),
        database_url=database_url,
        redis_urls=redis_urls,
        time_zone=read_time_zone(reader),
        trusted_proxies=read_trusted_proxies(reader),
        trusted_unix=UNIX in map(str.lower, reader.items("TRUSTED_PROXIES")),
        https_only=reader.flag("HTTPS_ONLY", False),
        embedded_broadcast=reader.flag("CHAT_EMBEDDED_BROADCAST", not redis_urls),
        default_room=read_slug(reader),
        raw_sender=read_raw_sender(reader),
        guests=reader.flag("CHAT_GUESTS", True),
        sign_up=reader.flag("CHAT_SIGN_UP", True),
        oidc=read_oidc(reader),
        email_url=read_email_url(reader),
        email_from=reader.text("EMAIL_FROM") or "chatsite@localhost",
        site_url=read_site_url(reader),
        message_rate=reader.number("CHAT_MESSAGE_RATE", 10, 0, 1e6),
        message_burst=reader.number("CHAT_MESSAGE_BURST", 50, 1, 1_000_000, whole=True),
        fanout_rate=reader.number("CHAT_FANOUT_RATE", 16_000_000, 0, 1_000_000_000_000, whole=True),
        max_message_bytes=message_bytes,
        outbox_bytes=read_outbox_bytes(reader, message_bytes),
        max_rooms_per_connection=reader.number("CHAT_MAX_ROOMS_PER_CONNECTION", 100, 1, 100_000, whole=True),
        max_rooms=reader.number("CHAT_MAX_ROOMS", 10_000, 0, 10_000_000, whole=True),
        retention_days=reader.number("CHAT_RETENTION_DAYS", 0, 0, MAX_RETENTION_DAYS, whole=True),
        drain_seconds=reader.number("CHAT_DRAIN_SECONDS", 8, 0.1, 3600),
        max_connections=reader.number("CHAT_MAX_CONNECTIONS", 20_000, 0, 10_000_000, whole=True),
        max_connections_per_ip=reader.number("CHAT_MAX_CONNECTIONS_PER_IP", 1000, 0, 10_000_000, whole=True),
        max_connections_per_user=reader.number("CHAT_MAX_CONNECTIONS_PER_USER", 100, 0, 10_000_000, whole=True),
        max_unknown_per_ip=reader.number("CHAT_MAX_UNKNOWN_PER_IP", 50, 0, 10_000_000, whole=True),
        ping_interval=reader.number("CHAT_PING_INTERVAL", 25, 0.1, 86_400),
        ping_timeout=reader.number("CHAT_PING_TIMEOUT", 10, 0.1, 86_400),
        # Where a line of the environment is one line, the breaks of a PEM are written as \n.
        jwt_key=reader.text("CHAT_JWT_KEY").replace("\\n", "\n"),
        jwt_algorithm=read_jwt_algorithm(reader),
        jwt_audience=reader.text("CHAT_JWT_AUDIENCE"),
        jwt_jwks_url=read_jwks_url(reader),
    )


def read_cookie_suffix(reader: Reader) -> str:
    """Return what the names of cookies end with; empty: derived from SECRET_KEY."""
    suffix = reader.text("COOKIE_SUFFIX")
    if suffix and not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", suffix):
        raise BadSetting("COOKIE_SUFFIX", suffix, "up to 32 letters, digits, hyphens and underscores")
    return suffix


def read_allowed_hosts(reader: Reader) -> tuple[str, ...]:
    """Return the hosts as browsers send them: lower case, other alphabets as xn--, IPv6 in brackets, no dot at the end."""
    return tuple(read_allowed_host(item) for item in reader.items("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"))


def read_allowed_host(item: str) -> str:
    if item == "*":
        return item
    wild, name = ("." if item.startswith(".") else ""), item.removeprefix(".").removesuffix(".")
    try:
        if not wild and name.count(":") > 1:
            return f"[{read_ipv6(name if name[0] == '[' and name[-1] == ']' else f'[{name}]')}]"
        return wild + read_name(name)
    except ValueError:
        allowed = "hosts without scheme and port, like chat.example, .example.com (with its subdomains) or [::1]; or *"
        raise BadSetting("ALLOWED_HOSTS", item, allowed) from None


def read_database_url(reader: Reader, var_dir: Path) -> str:
    url = reader.text("DATABASE_URL") or f"sqlite:///{quote(os.fsencode(var_dir))}/chatsite.sqlite3"
    if scheme_of(url) not in ("sqlite", "postgres", "postgresql"):
        raise BadSetting("DATABASE_URL", hidden(url), "sqlite:////absolute/path or postgres://user:password@host/name")
    try:
        service_urls.database(url)
    except ValueError as error:
        raise BadSetting("DATABASE_URL", hidden(url), str(error)) from None
    return url


def read_redis_urls(reader: Reader) -> tuple[str, ...]:
    """Return one URL for each shard; a sentinel URL holds commas of its own, so it stands alone."""
    text = reader.text("REDIS_URL")
    alone = scheme_of(text) == "redis+sentinel"
    urls = (lowered(text),) if alone else tuple(service_urls.redis_urls(text))
    for url in urls:
        scheme = scheme_of(url)
        if "cluster" in scheme:
            raise BadSetting(
                "REDIS_URL",
                hidden(url),
                "no cluster, which the channel layer cannot use: redis://host:port/db, several of them as shards, or redis+sentinel://…",
            )
        if scheme not in REDIS_SCHEMES:
            raise BadSetting(
                "REDIS_URL",
                hidden(url),
                "redis://host:port/db (several, separated by commas, are shards) or redis+sentinel://host:port,host:port/master",
            )
        try:
            service_urls.check_redis(url)
        except ValueError as error:
            raise BadSetting("REDIS_URL", hidden(url), str(error)) from None
    return urls


def read_time_zone(reader: Reader) -> str:
    name = reader.text("TIME_ZONE", "UTC") or "UTC"
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadSetting("TIME_ZONE", name, "a name of the time zone database, like UTC or Europe/Berlin") from None
    return name


def read_trusted_proxies(reader: Reader) -> tuple[Network, ...]:
    """Return the networks; `unix` beside them names whoever comes over a Unix socket, without an address."""
    return tuple(read_network(item) for item in reader.items("TRUSTED_PROXIES") if item.lower() != UNIX)


def read_network(item: str) -> Network:
    """Return an address or network; IPv4 written as IPv6 becomes IPv4, as peers are read."""
    try:
        network = ipaddress.ip_network(item, strict=False)
    except ValueError:
        allowed = "addresses or networks, like 10.0.0.5 or 10.0.0.0/8, or unix for a Unix socket"
        raise BadSetting("TRUSTED_PROXIES", item, allowed) from None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < MAPPED_BITS:
        return network
    return ipaddress.ip_network((mapped, network.prefixlen - MAPPED_BITS))


def read_slug(reader: Reader) -> str:
    slug = reader.text("CHAT_DEFAULT_ROOM", "lobby") or "lobby"
    if not re.fullmatch(SLUG, slug):
        raise BadSetting("CHAT_DEFAULT_ROOM", slug, "up to 64 lower-case letters, digits and hyphens")
    return slug


def read_raw_sender(reader: Reader) -> str:
    value = reader.text("CHAT_RAW_SENDER", "address") or "address"
    if value not in RAW_SENDERS:
        raise BadSetting("CHAT_RAW_SENDER", value, "address, name or none")
    return value


def read_jwt_algorithm(reader: Reader) -> str:
    value = reader.text("CHAT_JWT_ALGORITHM", "HS256") or "HS256"
    if value not in JWT_ALGORITHMS:
        raise BadSetting("CHAT_JWT_ALGORITHM", value, "HS256, RS256, ES256 or EdDSA")
    return value


def read_jwks_url(reader: Reader) -> str:
    url = reader.text("CHAT_JWT_JWKS_URL")
    if url and (scheme_of(url) not in ("http", "https") or not urlsplit(url).netloc):
        raise BadSetting("CHAT_JWT_JWKS_URL", hidden(url), "https://host/path")
    return url


def read_oidc(reader: Reader) -> Oidc | None:
    """Return the provider of single sign-on, None where nothing of it is set."""
    needed = {
        "OIDC_SERVER_URL": reader.text("OIDC_SERVER_URL"),
        "OIDC_CLIENT_ID": reader.text("OIDC_CLIENT_ID"),
        "OIDC_CLIENT_SECRET": reader.text("OIDC_CLIENT_SECRET"),
    }
    if not any(needed.values()):
        return None
    for name, value in needed.items():
        if not value:
            others = " and ".join(other for other in needed if needed[other])
            raise BadSetting(name, value, f"a value, since {others} is set: all three, or none of them")
    url = needed["OIDC_SERVER_URL"]
    if scheme_of(url) not in ("https", "http"):
        raise BadSetting("OIDC_SERVER_URL", hidden(url), "https://host/path, the address of the provider")
    return Oidc(
        url, needed["OIDC_CLIENT_ID"], needed["OIDC_CLIENT_SECRET"], reader.text("OIDC_NAME") or "single sign-on"
    )


def read_email_url(reader: Reader) -> str:
    url = reader.text("EMAIL_URL") or MAIL_TO_OUTPUT
    scheme = scheme_of(url)
    if scheme not in MAIL_SCHEMES or (
        scheme.startswith("smtp") and not (urlsplit(url).hostname and urlsplit(url).port)
    ):
        raise BadSetting(
            "EMAIL_URL",
            hidden(url),
            "consolemail://, smtp+tls://user:password@host:587, smtp+ssl://user:password@host:465, smtp://host:25 "
            "or filemail:////absolute/path",
        )
    try:
        service_urls.mail(url)
    except ValueError as error:
        raise BadSetting("EMAIL_URL", hidden(url), str(error)) from None
    return url


def read_site_url(reader: Reader) -> str:
    """Return the site's address as browsers write an origin; empty where it is not set."""
    url = reader.text("SITE_URL").rstrip("/")
    try:
        site = parse_pattern(url) if url else None
    except ValueError:
        site = None
    if url and (site is None or site.wild or site.scheme not in DEFAULT_PORTS):
        raise BadSetting("SITE_URL", hidden(url), "https://host or https://host:port, with nothing behind it")
    return str(site or "")


def read_outbox_bytes(reader: Reader, message_bytes: int) -> int:
    """Return the outbox's size; an outbox that holds no four messages would drop healthy readers."""
    least = 4 * message_bytes + 256 * 1024
    if not reader.text("CHAT_OUTBOX_BYTES"):
        return max(1 << 20, least)
    return int(reader.number("CHAT_OUTBOX_BYTES", 1 << 20, least, 1 << 32, whole=True))


def read_secret_key(reader: Reader, var_dir: Path, *, needed: bool) -> str:
    """Return SECRET_KEY, or the one kept in `var/`, made when it is first wanted."""
    given = reader.text("SECRET_KEY")
    if given:
        return given
    if needed:
        raise BadSetting(
            "SECRET_KEY",
            "",
            "one long random value, the same on every node, when DEBUG=0 and REDIS_URL or a postgres DATABASE_URL is set",
        )
    try:
        return kept_key(var_dir / "secret_key", lambda: secrets.token_urlsafe(50))
    except OSError as error:
        raise BadSetting(
            "CHAT_VAR_DIR", str(var_dir), f"a directory that can be written ({error.filename}: {error.strerror})"
        ) from None


def plain(number: float) -> str:
    """Return a number as an operator would write it."""
    return str(int(number)) if number == int(number) else str(number)
