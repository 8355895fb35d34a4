"""The URLs of services: what they say, taken apart by the libraries that know them; and how a log shows them.

Names, passwords and paths are percent-decoded; a `+` is a `+`. What a URL does not mean is refused, not dropped.
"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_to_bytes, urlsplit

import environ
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

SQLITE_FORM = "sqlite:////absolute/path, with ? written as %3F"
POSTGRES_FORM = (
    "postgres://user:password@host:port/name, with signs in them percent-encoded (@ as %40, / as %2F, % as %25)"
)
REDIS_FORM = (
    "redis://user:password@host:port/number, with / in a password written as %2F and # as %23, and nothing behind ? but "
    "redis-py's own parameters"
)
MAIL_FORM = "smtp+tls://user:password@host:587, with signs in them percent-encoded (/ as %2F, # as %23)"
SENTINEL_FORM = "redis+sentinel://user:password@host:port,host:port/name-of-the-master?db=number"

# What Django itself takes of a PostgreSQL URL's query; the rest is libpq's.
DJANGO = ("conn_max_age", "conn_health_checks", "disable_server_side_cursors", "atomic_requests", "autocommit")
# PostgreSQL cuts longer ones, and Django uses none.
MAX_NAME = 63
FLAGS = {**dict.fromkeys(("1", "true", "yes", "on"), True), **dict.fromkeys(("0", "false", "no", "off"), False)}
SENTINEL_PORT = 26379
# Several hosts, or other rules: urlsplit refuses an IPv6 address among others from Python 3.11.12 and 3.12.9 on.
OWN_RULES = ("redis+sentinel", "postgres", "postgresql", "sqlite")


def scheme_of(url: str) -> str:
    """Return a URL's scheme, in lower case, or an empty string where the URL makes no sense."""
    scheme = url.partition("://")[0].lower()
    if scheme in OWN_RULES:
        return scheme
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # Half an IPv6 address, or a port that is none.
        return ""
    return parts.scheme


def is_number(text: str) -> bool:
    """Tell whether a text is digits that make a number: for `isdigit` alone ² is one, too."""
    return text.isascii() and text.isdecimal()


def hidden(text: str) -> str:
    """Return a URL, or several, without passwords, fit for a log; half a URL too."""
    text = re.sub(r"([?&][^=&]*(?:pas|pwd|secret|token|key)[^=&]*=)[^&]*", r"\1***", text, flags=re.IGNORECASE)
    before, at, host = text.rpartition("@")
    if not at:
        return re.sub(r"(://[^/:\[]*):(?!\d{1,5}(?:[/,?]|$)).*", r"\1:***", text)
    user = re.match(r"[^:@]*://[^:@/?#]*", before)
    if user is None:
        return f"***@{host}"
    return f"{user[0]}{'' if user[0] == before else ':***'}@{host}"


# Databases


def sqlite_path(url: str) -> str:
    """Return the file of an SQLite URL. Raises: ValueError."""
    path = url.partition("://")[2]
    if path == ":memory:":
        return path
    if not path.startswith("/") or len(path) == 1 or "?" in path:
        raise ValueError(SQLITE_FORM)
    file = os.fsdecode(unquote_to_bytes(path[1:]))
    if "\0" in file:
        raise ValueError(SQLITE_FORM)
    return file


def database(url: str) -> dict[str, Any]:
    """Return Django's description of a database. Raises: ValueError with what is expected."""
    if scheme_of(url) == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": sqlite_path(url)}
    return postgres(url)


def postgres(url: str) -> dict[str, Any]:
    """Return what libpq itself reads in a PostgreSQL URL, and what Django reads in its query. Raises: ValueError."""
    users, where = users_of(url.partition("://")[2])
    place, _, query = where.partition("?")
    # The @ before it may be the password's, or one of the query's: then a host would be none.
    if "@" in place or re.search(r"\?\w+=", users):
        raise ValueError(POSTGRES_FORM)
    own: list[str] = []
    rest: list[str] = []
    for item in filter(None, query.split("&")):
        (own if item.partition("=")[0].lower() in DJANGO else rest).append(item)
    try:
        found = conninfo_to_dict(f"postgres://{users}{place}{'?' if rest else ''}{'&'.join(rest)}")
    except ProgrammingError as error:
        # What libpq says may quote a part of a password; a plain word behind the ? is none.
        parameter = re.search(r'query parameter: ("\w+")', str(error))
        raise ValueError(POSTGRES_FORM + (f", and no {parameter[1]} behind it" if parameter else "")) from None
    name = str(found.pop("dbname", ""))
    host = str(found.pop("host", ""))
    if name.startswith("/"):  # postgres:////var/run/postgresql/name
        host, _, name = name.rpartition("/")
    ports = str(found.get("port", "")).split(",")
    if "@" in host or not all(not port or (is_number(port) and 0 < int(port) < 65536) for port in ports):
        raise ValueError(POSTGRES_FORM)
    if len(name) > MAX_NAME or not (name or "service" in found):
        raise ValueError(POSTGRES_FORM)
    described = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": str(found.pop("user", "")),
        "PASSWORD": str(found.pop("password", "")),
        "HOST": host,
        "PORT": str(found.pop("port", "")),
        **{
            key.upper(): value_of(key.lower(), value) for key, value in parse_qsl("&".join(own), keep_blank_values=True)
        },
    }
    return {**described, "OPTIONS": found} if found else described


def users_of(rest: str) -> tuple[str, str]:
    """Return user and password with an @ behind them, signs in them encoded that can mean nothing else, and the rest."""
    found = re.match(r"[^/?#]*@", rest) or re.match(r".*@", rest)  # A password may hold a bare slash, too.
    if found is None:
        return "", rest
    users = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", found[0][:-1])
    return users.replace("@", "%40").replace("/", "%2F") + "@", rest[found.end() :]


def value_of(name: str, text: str) -> bool | int | None:
    """Return the value of a parameter of Django's own. Raises: ValueError with what is expected."""
    if name == "conn_max_age":
        if text.lower() == "none":
            return None
        if not is_number(text):
            raise ValueError(f"{POSTGRES_FORM}, and {name}= with whole seconds or none")
        return int(text)
    if text.lower() not in FLAGS:
        raise ValueError(f"{POSTGRES_FORM}, and {name}= with 0 or 1")
    return FLAGS[text.lower()]


# Mail


def mail(url: str) -> dict[str, Any]:
    """Return Django's settings for mail. Raises: ValueError with what is expected."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() == "filemail":
        rest = rest.replace("#", "%23")
    parts = urlsplit(f"{scheme}://{rest}")
    if parts.fragment or "@" in parts.path + parts.query:
        raise ValueError(MAIL_FORM)
    # django-environ takes a + in a path for a space.
    found: dict[str, Any] = environ.Env.email_url_config(f"{scheme}://{rest.replace('+', '%2B')}")
    return found


# Redis


def redis_urls(text: str) -> list[str]:
    """Return the URLs of a list: a comma parts them only before another scheme, since a password may hold one.

    Their schemes are in lower case: redis-py knows no others.
    """
    parts = re.split(r",(?=\s*[a-z+]+://)", text.strip().rstrip(","), flags=re.IGNORECASE)
    return [lowered(part.strip()) for part in parts if part.strip()]


def lowered(url: str) -> str:
    """Return a URL with its scheme in lower case."""
    scheme, colon, rest = url.partition("://")
    return f"{scheme.lower()}{colon}{rest}" if colon else url


def check_redis(url: str) -> None:
    """Refuse what redis-py would read otherwise than it is meant. Raises: ValueError with what is expected."""
    from redis.asyncio.connection import ConnectionPool  # Only where it is used: it takes a while.

    if scheme_of(url) == "redis+sentinel":
        sentinel(url)
        return
    parts = urlsplit(url)
    database = parts.path.strip("/")
    wrong = "@" in parts.path or bool(parts.fragment) or "," in (parts.hostname or "")
    if wrong or (parts.scheme != "unix" and database and not is_number(database)):
        raise ValueError(REDIS_FORM)
    try:
        pool: Any = ConnectionPool.from_url(url)
        pool.make_connection()  # Opens nothing yet.
    except Exception:  # Whatever it is, each connection would raise it, and what it says may quote the URL.
        raise ValueError(REDIS_FORM) from None


def redis_host(url: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Return channels_redis's description of one shard; of most URLs redis-py itself takes the parts."""
    return sentinel(url, limits) if scheme_of(url) == "redis+sentinel" else {"address": url, **limits}


def sentinel(url: str, limits: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what a sentinel URL says: user and password are the master's, the sentinels' own stand in the query.

    Raises: ValueError with what is expected.
    """
    before, fragment, _ = url.partition("://")[2].partition("#")
    before, _, after = before.partition("?")
    netloc, _, path = before.partition("/")
    users, _, hosts = netloc.rpartition("@")
    user, _, password = users.partition(":")
    query = dict(parse_qsl(after.replace("+", "%2B")))
    master, _, number = path.strip("/").partition("/")
    number = query.pop("db", number or "0")
    own = {name: query.pop(f"sentinel_{name}") for name in ("username", "password") if query.get(f"sentinel_{name}")}
    if not master or "@" in path or not is_number(number) or fragment or query:
        raise ValueError(SENTINEL_FORM)
    return {
        "sentinels": [host_of(host) for host in hosts.split(",")],
        "master_name": unquote(master),
        "db": int(number),
        **({"username": unquote(user)} if user else {}),
        **({"password": unquote(password)} if password else {}),
        **(limits or {}),
        # Without these redis-py would wait for a dead sentinel without end.
        "sentinel_kwargs": {**own, **(limits or {})},
    }


def host_of(text: str) -> tuple[str, int]:
    """Return host and port of one sentinel. Raises: ValueError with what is expected."""
    try:
        parts = urlsplit(f"//{text.strip()}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(SENTINEL_FORM) from None
    if not host or parts.path or "@" in text:
        raise ValueError(SENTINEL_FORM)
    return host, port or SENTINEL_PORT
