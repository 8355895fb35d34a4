"""URLs of services: every sign that a name, a password or a path may hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import pytest
from redis.asyncio.connection import parse_url

from chat.conf import BadSetting, read
from chat.service_urls import database, hidden, mail, redis_host, redis_urls, sqlite_path

LIMITS = {"socket_timeout": 1, "socket_connect_timeout": 1}
SIGNS = "a+b c%d#e?f@g:h/i&j=k,l[m]n\"o'p\\qé雪"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////srv/chat.sqlite3", "/srv/chat.sqlite3"),
        ("sqlite:///var/chat.sqlite3", "var/chat.sqlite3"),
        ("sqlite:////srv/a+b/chat.sqlite3", "/srv/a+b/chat.sqlite3"),
        ("sqlite:////srv/a b/chat.sqlite3", "/srv/a b/chat.sqlite3"),
        ("sqlite:////srv/a%20b/chat.sqlite3", "/srv/a b/chat.sqlite3"),
        ("sqlite:////srv/a%2Bb.sqlite3", "/srv/a+b.sqlite3"),
        ("sqlite:////srv/a%2520b.sqlite3", "/srv/a%20b.sqlite3"),
        ("sqlite:////srv/100%.sqlite3", "/srv/100%.sqlite3"),
        ("sqlite:////srv/a#b.sqlite3", "/srv/a#b.sqlite3"),
        ("sqlite:////srv/a%23b.sqlite3", "/srv/a#b.sqlite3"),
        ("sqlite:////srv/a%3Fb.sqlite3", "/srv/a?b.sqlite3"),
        ("sqlite:////srv/a;b&c=d.sqlite3", "/srv/a;b&c=d.sqlite3"),
        ("sqlite:////srv/u@h:1.sqlite3", "/srv/u@h:1.sqlite3"),
        ("sqlite:////srv/postgres/[x].sqlite3", "/srv/postgres/[x].sqlite3"),
        (f"sqlite:////srv/{quote(SIGNS, safe='')}", f"/srv/{SIGNS}"),
    ],
)
def test_a_path_of_sqlite_is_decoded_and_nothing_of_it_is_cut_off(url: str, path: str) -> None:
    assert sqlite_path(url) == path
    assert database(url)["NAME"] == path
    assert read({"DATABASE_URL": url, "SECRET_KEY": "x"}).database == path, "also what is said of it"


@pytest.mark.parametrize("name", ["a+b", "a b", "a%20b", "a#b", "a?b", "100%", "a@b", "postgres", "雪"])
def test_the_folder_of_the_default_database_may_have_any_name(tmp_path: Path, name: str) -> None:
    conf = read({"CHAT_VAR_DIR": str(tmp_path / name)})
    assert database(conf.database_url)["NAME"] == conf.database == str(tmp_path / name / "chatsite.sqlite3")


PG = {"NAME": "chat", "USER": "", "PASSWORD": "", "HOST": "h", "PORT": ""}
ALL = quote(SIGNS, safe="")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://h/chat", {}),
        ("postgresql://h:5433/chat", {"PORT": "5433"}),
        ("postgres://h/my+chat", {"NAME": "my+chat"}),
        ("postgres://h/my%20chat", {"NAME": "my chat"}),
        ("postgres://h/a%2Bb%23c%3Fd%2Fe", {"NAME": "a+b#c?d/e"}),
        (f"postgres://h/{ALL}", {"NAME": SIGNS}),
        ("postgres://u+v:p+w@h/chat", {"USER": "u+v", "PASSWORD": "p+w"}),
        (f"postgres://{ALL}:{ALL}@h/chat", {"USER": SIGNS, "PASSWORD": SIGNS}),
        ("postgres://u:p%2540@h/chat", {"USER": "u", "PASSWORD": "p%40"}),
        ("postgres://u:50%@h/chat", {"USER": "u", "PASSWORD": "50%"}),
        ("postgres://u:p@w@h/chat", {"USER": "u", "PASSWORD": "p@w"}),
        ("postgres://u:p:w@h/chat", {"USER": "u", "PASSWORD": "p:w"}),
        ("postgres://u:p#w@h/chat", {"USER": "u", "PASSWORD": "p#w"}),
        ("postgres://u:p?w@h/chat", {"USER": "u", "PASSWORD": "p?w"}),
        ("postgres://u:p/w@h/chat", {"USER": "u", "PASSWORD": "p/w"}),
        ("postgres://u:p,w@h/chat", {"USER": "u", "PASSWORD": "p,w"}),
        ("postgres://[2001:db8::1]:5433/chat", {"HOST": "2001:db8::1", "PORT": "5433"}),
        ("postgres://%2Fvar%2FRun%2Fpg/chat", {"HOST": "/var/Run/pg"}),
        ("postgres:////var/Run/pg/chat", {"HOST": "/var/Run/pg"}),
        ("postgres:///chat?host=/var/Run/pg", {"HOST": "/var/Run/pg"}),
        ("postgres://h1:1,h2:2/chat", {"HOST": "h1,h2", "PORT": "1,2"}),
        ("postgres://h/chat?sslmode=require", {"OPTIONS": {"sslmode": "require"}}),
        ("postgres://h/chat?options=-c%20a%3Db+c", {"OPTIONS": {"options": "-c a=b+c"}}),
        ("postgres://h/chat?conn_max_age=60&sslmode=require", {"CONN_MAX_AGE": 60, "OPTIONS": {"sslmode": "require"}}),
        ("postgres://h/chat?conn_health_checks=true", {"CONN_HEALTH_CHECKS": True}),
        (
            "postgres://h/chat?conn_health_checks=no&conn_max_age=None",
            {"CONN_HEALTH_CHECKS": False, "CONN_MAX_AGE": None},
        ),
        ("postgres://h/chat?Disable_Server_Side_Cursors=ON", {"DISABLE_SERVER_SIDE_CURSORS": True}),
        ("postgres://h?dbname=chat", {}),
        ("postgres://?service=chat", {"NAME": "", "HOST": "", "OPTIONS": {"service": "chat"}}),
        ("Postgres://h1,[::1]:5433/chat", {"HOST": "h1,::1", "PORT": ",5433"}),
        ("postgres://h/chat?user=u&password=a%26b%40c", {"USER": "u", "PASSWORD": "a&b@c"}),
    ],
)
def test_a_postgresql_url_is_read_by_libpqs_rules(url: str, expected: dict[str, Any]) -> None:
    assert database(url) == {"ENGINE": "django.db.backends.postgresql", **PG, **expected}
    conf = read({"DATABASE_URL": url, "SECRET_KEY": "x"})
    assert not expected.get("PASSWORD") or expected["PASSWORD"] not in conf.database


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "sqlite://var/chat.sqlite3"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:////srv/chat.sqlite3?key=hunter2"),
        ("DATABASE_URL", "sqlite:////srv/chat%00b"),
        ("DATABASE_URL", "postgres:chat"),
        ("DATABASE_URL", "postgres://u:hunter2@h"),
        ("DATABASE_URL", "postgres://u:hunter2@h/"),
        ("DATABASE_URL", "postgres://u:hunter2@h?sslmode=require"),
        ("DATABASE_URL", "postgres://"),
        ("DATABASE_URL", "postgres:///"),
        ("DATABASE_URL", "postgres:////var/run/postgresql/"),
        ("DATABASE_URL", "postgres://u:hunter2@h/" + "x" * 64),
        ("DATABASE_URL", "postgres://u:a@hunter2/c@db.internal/chat"),
        ("DATABASE_URL", "postgres://u:a@hunter2/c@db.internal"),
        ("DATABASE_URL", "postgres://u:hunter2@h/a@b"),
        ("DATABASE_URL", "postgres://h/chat?password=hunter2@b/d"),
        ("DATABASE_URL", "postgres://h?user=u&password=hunter2@b/d"),
        ("DATABASE_URL", "postgres://u:hunter2@h/chat?conn_max_age=60s"),
        ("DATABASE_URL", "postgres://u:hunter2@h/chat?conn_max_age=-1"),
        ("DATABASE_URL", "postgres://u:hunter2@h/chat?conn_max_age=²"),
        ("DATABASE_URL", "postgres://u:hunter2@h/chat?conn_max_age="),
        ("DATABASE_URL", "postgres://u:hunter2@h/chat?conn_health_checks=maybe"),
        ("DATABASE_URL", "postgres://u:hunter2@h/chat?AUTOCOMMIT=2"),
        ("DATABASE_URL", "postgres://u:hunter2"),
        ("DATABASE_URL", "postgres://u:hunter2/chat"),
        ("DATABASE_URL", "postgres://u:x@hunter2#y?z@h/chat"),
        ("DATABASE_URL", "postgres://u:hunter2%00@h/chat"),
        ("DATABASE_URL", "postgres://u:hunter2@h/chat?sslmod=require"),
        ("DATABASE_URL", "postgres://u:hunter2@h:0/chat"),
        ("DATABASE_URL", "postgres://u:hunter2@[::1/chat"),
        ("DATABASE_URL", "u:hunter2@h/chat"),
        ("REDIS_URL", "redis://:12,hunter2@h,nonsense/0"),
        ("REDIS_URL", "redis://:12/hunter2@h/0"),
        ("REDIS_URL", "redis://:12#hunter2@h/0"),
        ("REDIS_URL", "redis://:hunter2@h/one"),
        ("REDIS_URL", "redis://:hunter2"),
        ("REDIS_URL", "h1,hunter2@h2"),
        ("REDIS_URL", "http://:a,hunter2@h1,b@h2"),
        ("REDIS_URL", "redis://:a,hunter2@h:99999"),
        ("REDIS_URL", "redis://:hunter2@h/²"),
        ("REDIS_URL", "redis://:hunter2@h/0?db=²"),
        ("REDIS_URL", "redis://:hunter2@h/0?socket_timeout=abc"),
        ("REDIS_URL", "redis://:hunter2@h/0?foo=1"),
        ("REDIS_URL", "redis://:hunter2@h/0?ssl_cert_reqs=none"),
        ("REDIS_URL", "rediss://:hunter2@h/0?ssl_cert_reqs=maybe"),
        ("REDIS_URL", "redis://a,REDIS://:hunter2@b/x"),
        ("REDIS_URL", "redis+sentinel:main"),
        ("REDIS_URL", "redis+sentinel://:a@hunter2/c@h/main"),
        ("REDIS_URL", "redis+sentinel://:hunter2@h/main?db=²"),
        ("REDIS_URL", "redis+sentinel://:hunter2@[::1/main"),
        ("REDIS_URL", "redis+sentinel://:hunter2@h/main#"),
        ("REDIS_URL", "redis+sentinel://:hunter2@a,b"),
        ("REDIS_URL", "redis+sentinel://:hunter2@a:b/main"),
        ("REDIS_URL", "redis+sentinel://:hunter2@a/main/x"),
        ("REDIS_URL", "redis+sentinel://a/main?sentinel_pasword=hunter2"),
        ("REDIS_URL", "redis+sentinel://a,/main?sentinel_password=hunter2"),
        ("EMAIL_URL", "smtp+tls://u:12#hunter2@h:587"),
        ("EMAIL_URL", "smtp+tls://u:12/hunter2@h:587"),
        ("EMAIL_URL", "smtp+tls://u:hunter2@h"),
        ("EMAIL_URL", "smtp+tls://u:hunter2"),
    ],
)
def test_what_would_be_read_otherwise_than_meant_is_refused_without_the_password(
    tmp_path: Path, name: str, url: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        read({"CHAT_VAR_DIR": str(tmp_path), "SECRET_KEY": "x", name: url})
    told = str(caught.value)
    assert told.startswith(f"{name}=") and "makes no sense: expected " in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("redis://a/0, redis://b/0", ["redis://a/0", "redis://b/0"]),
        ("redis://a/0,", ["redis://a/0"]),
        ("redis://:p,w@a/0,rediss://:x,y@b/0", ["redis://:p,w@a/0", "rediss://:x,y@b/0"]),
        ("unix:///run/redis.sock?db=1,redis://b", ["unix:///run/redis.sock?db=1", "redis://b"]),
        ("REDIS://A/0,Redis://:P,w@b", ["redis://A/0", "redis://:P,w@b"]),
        ("redis://a?socket_timeout=0.5", ["redis://a?socket_timeout=0.5"]),
        ("rediss://a?ssl_cert_reqs=none&ssl_ca_certs=/x", ["rediss://a?ssl_cert_reqs=none&ssl_ca_certs=/x"]),
        ("", []),
    ],
)
def test_a_comma_in_a_password_parts_no_url(text: str, urls: list[str]) -> None:
    assert redis_urls(text) == urls
    assert read({"REDIS_URL": text, "SECRET_KEY": "x"}).redis_urls == tuple(urls)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://:p%40%2F%2B+w@h:6380/1", {"password": "p@/++w", "host": "h", "port": 6380, "db": 1}),
        (f"redis://{ALL}:{ALL}@h/0", {"username": SIGNS, "password": SIGNS, "host": "h", "db": 0}),
        ("redis://u:p@w@[::1]:1/0", {"username": "u", "password": "p@w", "host": "::1", "port": 1, "db": 0}),
        ("unix:///run/a+b%20c.sock?db=2", {"path": "/run/a+b c.sock", "db": 2}),
    ],
)
def test_of_a_plain_redis_url_redis_py_takes_the_parts(url: str, expected: dict[str, Any]) -> None:
    assert read({"REDIS_URL": url, "SECRET_KEY": "x"}).redis_urls == (url,)
    assert redis_host(url, LIMITS) == {"address": url, **LIMITS}
    assert expected.items() <= parse_url(url).items()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("redis+sentinel://a:26379,b:26380/main", {"sentinels": [("a", 26379), ("b", 26380)]}),
        ("redis+sentinel://:pw@a,b/main?db=2", {"db": 2, "password": "pw", "sentinels": [("a", 26379), ("b", 26379)]}),
        ("redis+sentinel://a/main/3", {"db": 3}),
        ("redis+sentinel://[::1]:1,[2001:db8::2]/main", {"sentinels": [("::1", 1), ("2001:db8::2", 26379)]}),
        (f"redis+sentinel://{ALL}:{ALL}@a/main", {"username": SIGNS, "password": SIGNS}),
        ("redis+sentinel://u:p,w@a/main", {"username": "u", "password": "p,w"}),
        ("redis+sentinel://a/my%2Bmain", {"master_name": "my+main"}),
        (
            f"redis+sentinel://:pw@a/main?sentinel_username=s&sentinel_password={ALL}",
            {"password": "pw", "sentinel_kwargs": {"username": "s", "password": SIGNS, **LIMITS}},
        ),
        ("redis+sentinel://a/main?sentinel_password=a+b", {"sentinel_kwargs": {"password": "a+b", **LIMITS}}),
    ],
)
def test_a_sentinel_url_has_a_user_of_the_master_and_one_of_the_sentinels(url: str, host: dict[str, object]) -> None:
    plain = {"sentinels": [("a", 26379)], "master_name": "main", "db": 0, "sentinel_kwargs": LIMITS, **LIMITS}
    assert redis_host(url, LIMITS) == {**plain, **host}
    assert read({"REDIS_URL": url, "SECRET_KEY": "x"}).redis_urls == (url,)


def test_a_sentinel_url_may_be_written_in_capitals() -> None:
    found = read({"REDIS_URL": "Redis+Sentinel://A,b/Main", "SECRET_KEY": "x"}).redis_urls
    assert found == ("redis+sentinel://A,b/Main",)
    assert redis_host(*found, LIMITS)["master_name"] == "Main"


def strict_urlsplit(url: str) -> SplitResult:
    """Take a URL apart as Python 3.11.12 and 3.12.9 do: an address in brackets is the whole host."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    if "[" in host and not re.fullmatch(r"\[[^\]]*\](:.*)?", host):
        raise ValueError("Invalid IPv6 URL")
    return urlsplit(url)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("REDIS_URL", "redis+sentinel://s1:26379,[::1]:26379/m"),
        ("REDIS_URL", "redis+sentinel://u:p@[::1],[::2]/m"),
        ("REDIS_URL", "redis://[::1]:1/0"),
        ("DATABASE_URL", "postgres://u:p@h1,[::1]/d"),
        ("DATABASE_URL", "postgres://[::1]:1,[::2]:2/d"),
        ("DATABASE_URL", "sqlite:////srv/[x]/a[b"),
    ],
)
def test_several_hosts_by_ipv6_are_read_whatever_urlsplit_makes_of_them(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    monkeypatch.setattr("chat.service_urls.urlsplit", strict_urlsplit)
    found = read({name: url, "SECRET_KEY": "x"})
    assert url in (found.database_url, *found.redis_urls)
    for part in found.redis_urls:
        assert redis_host(part, LIMITS)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"smtp+tls://{ALL}:{ALL}@mail.example:587", {"EMAIL_HOST_USER": SIGNS, "EMAIL_HOST_PASSWORD": SIGNS}),
        ("smtp+tls://a+b@c.example:p+w@m:587", {"EMAIL_HOST_USER": "a+b@c.example", "EMAIL_HOST_PASSWORD": "p+w"}),
        ("smtp+ssl://u:p@m:465", {"EMAIL_USE_SSL": True, "EMAIL_PORT": 465, "EMAIL_HOST": "m"}),
        ("smtp://[::1]:25", {"EMAIL_HOST": "::1"}),
        ("filemail:////srv/a+b%20c#d", {"EMAIL_FILE_PATH": "/srv/a+b c#d"}),
        ("FileMail:////srv/a#b", {"EMAIL_FILE_PATH": "/srv/a#b"}),
    ],
)
def test_a_mail_url_is_decoded_and_nothing_of_it_is_cut_off(url: str, expected: dict[str, Any]) -> None:
    assert expected.items() <= mail(url).items()
    assert read({"EMAIL_URL": url, "SECRET_KEY": "x"}).email_url == url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:p,w@a,redis://:x@b/0", "redis://:***@b/0"),
        ("postgres://user:hunter2", "postgres://user:***"),
        ("postgres://u:p/w@h/chat", "postgres://u:***@h/chat"),
        ("postgres://p/w@h/chat", "postgres://p:***@h/chat"),
        ("u:p@h", "***@h"),
        ("unix:///run/x.sock?password=pw&db=1", "unix:///run/x.sock?password=***&db=1"),
        ("redis+sentinel://a:1,b:2/main?sentinel_password=pw", "redis+sentinel://a:1,b:2/main?sentinel_password=***"),
        ("postgres://h/chat?user=u&password=a@b", "postgres://h/chat?user=u&password=***"),
    ],
)
def test_half_a_url_is_shown_without_its_password_too(text: str, shown: str) -> None:
    assert hidden(text) == shown
