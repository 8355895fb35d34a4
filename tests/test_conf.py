"""Settings."""

from __future__ import annotations

import dataclasses
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from chat import conf
from chat.conf import BadSetting, Conf, hidden, read


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


def given(var: Path, **variables: str) -> Conf:
    return read({"CHAT_VAR_DIR": str(var), **variables})


def test_nothing_set_is_the_documented_defaults(var: Path) -> None:
    found = given(var)
    expected = {
        "debug": False,
        "allowed_hosts": ("localhost", "127.0.0.1", "[::1]"),
        "database_url": f"sqlite:///{var}/chatsite.sqlite3",
        "redis_urls": (),
        "clustered": False,
        "time_zone": "UTC",
        "trusted_proxies": (),
        "https_only": False,
        "embedded_broadcast": True,
        "default_room": "lobby",
        "raw_sender": "address",
        "guests": True,
        "sign_up": True,
        "oidc": None,
        "email_url": "consolemail://",
        "email_from": "chatsite@localhost",
        "site_url": "",
        "message_rate": 10,
        "message_burst": 50,
        "max_message_bytes": 65536,
        "max_envelope_bytes": 6 * 65536 + 4096,
        "outbox_bytes": 1048576,
        "max_rooms_per_connection": 100,
        "drain_seconds": 8,
        "max_connections": 20000,
        "max_connections_per_ip": 1000,
        "max_connections_per_user": 100,
        "max_unknown_per_ip": 50,
        "ping_interval": 25,
        "ping_timeout": 10,
    }
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_variable_that_is_empty_is_as_if_it_were_not_set(var: Path) -> None:
    names = [name for name in VALID if name not in ("SECRET_KEY", "CHAT_VAR_DIR")]
    assert given(var, **dict.fromkeys(names, "")) == given(var)


VALID: dict[str, tuple[str, str, Any]] = {
    "DEBUG": ("1", "debug", True),
    "SECRET_KEY": ("a secret", "secret_key", "a secret"),
    "ALLOWED_HOSTS": ("a.example, .b.example,[::1]", "allowed_hosts", ("a.example", ".b.example", "[::1]")),
    "DATABASE_URL": ("sqlite:////tmp/x.sqlite3", "database_url", "sqlite:////tmp/x.sqlite3"),
    "TIME_ZONE": ("Europe/Berlin", "time_zone", "Europe/Berlin"),
    "HTTPS_ONLY": ("1", "https_only", True),
    "CHAT_EMBEDDED_BROADCAST": ("0", "embedded_broadcast", False),
    "CHAT_DEFAULT_ROOM": ("team-1", "default_room", "team-1"),
    "CHAT_RAW_SENDER": ("none", "raw_sender", "none"),
    "CHAT_GUESTS": ("no", "guests", False),
    "CHAT_SIGN_UP": ("0", "sign_up", False),
    "EMAIL_URL": ("smtp+tls://u:p@mail.example:587", "email_url", "smtp+tls://u:p@mail.example:587"),
    "EMAIL_FROM": ("chat@example.com", "email_from", "chat@example.com"),
    "COOKIE_SUFFIX": ("team-1", "cookie_suffix", "team-1"),
    "SITE_URL": ("https://chat.example.com:8443/", "site_url", "https://chat.example.com:8443"),
    "CHAT_MESSAGE_RATE": ("0.5", "message_rate", 0.5),
    "CHAT_FANOUT_RATE": ("1000", "fanout_rate", 1000),
    "CHAT_MESSAGE_BURST": ("1", "message_burst", 1),
    "CHAT_MAX_MESSAGE_BYTES": ("1000", "max_message_bytes", 1000),
    "CHAT_OUTBOX_BYTES": ("2000000", "outbox_bytes", 2000000),
    "CHAT_MAX_ROOMS_PER_CONNECTION": ("3", "max_rooms_per_connection", 3),
    "CHAT_MAX_ROOMS": ("7", "max_rooms", 7),
    "CHAT_DRAIN_SECONDS": ("2.5", "drain_seconds", 2.5),
    "CHAT_MAX_CONNECTIONS": ("0", "max_connections", 0),
    "CHAT_MAX_CONNECTIONS_PER_IP": ("0", "max_connections_per_ip", 0),
    "CHAT_MAX_CONNECTIONS_PER_USER": ("0", "max_connections_per_user", 0),
    "CHAT_MAX_UNKNOWN_PER_IP": ("0", "max_unknown_per_ip", 0),
    "CHAT_PING_INTERVAL": ("1", "ping_interval", 1),
    "CHAT_PING_TIMEOUT": ("0.5", "ping_timeout", 0.5),
    "CHAT_JWT_KEY": ("-----BEGIN X-----\\nabc\\n-----END X-----", "jwt_key", "-----BEGIN X-----\nabc\n-----END X-----"),
    "CHAT_JWT_ALGORITHM": ("EdDSA", "jwt_algorithm", "EdDSA"),
    "CHAT_JWT_AUDIENCE": ("chat.example", "jwt_audience", "chat.example"),
    "CHAT_JWT_JWKS_URL": ("https://a.example/keys", "jwt_jwks_url", "https://a.example/keys"),
}


@pytest.mark.parametrize(("name", "value", "attribute", "expected"), [(k, *v) for k, v in VALID.items()])
def test_a_variable_is_read_with_its_type(var: Path, name: str, value: str, attribute: str, expected: Any) -> None:
    assert getattr(given(var, **{name: value}), attribute) == expected


HOSTS = {
    "Chat.Example": "chat.example",
    "chat.example.": "chat.example",
    ".Chat.Example.": ".chat.example",
    "bücher.example": "xn--bcher-kva.example",
    ".bücher.example": ".xn--bcher-kva.example",
    "::1": "[::1]",
    "[2001:DB8:0:0::1]": "[2001:db8::1]",
    "127.0.0.1": "127.0.0.1",
    "my_host": "my_host",
    "*": "*",
}
SITES = {
    "https://Chat.Example": "https://chat.example",
    "HTTPS://chat.example:443/": "https://chat.example",
    "http://chat.example:80": "http://chat.example",
    "http://chat.example:443": "http://chat.example:443",
    "https://bücher.example": "https://xn--bcher-kva.example",
    "https://[2001:DB8::0:1]:8443": "https://[2001:db8::1]:8443",
}


@pytest.mark.parametrize("written", HOSTS)
def test_hosts_are_read_as_browsers_send_them(written: str, tmp_path: Path) -> None:
    assert conf.read({"ALLOWED_HOSTS": written, "CHAT_VAR_DIR": str(tmp_path)}).allowed_hosts == (HOSTS[written],)


@pytest.mark.parametrize("written", SITES)
def test_the_site_s_address_is_read_as_browsers_send_it(written: str, tmp_path: Path) -> None:
    assert conf.read({"SITE_URL": written, "CHAT_VAR_DIR": str(tmp_path)}).site_url == SITES[written]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "perhaps"),
        ("CHAT_EMBEDDED_BROADCAST", "2"),
        ("CHAT_GUESTS", "-1"),
        ("DATABASE_URL", "mysql://root@localhost/x"),
        ("DATABASE_URL", "/tmp/x.sqlite3"),
        ("DATABASE_URL", "postgres://[::1/x"),
        ("DATABASE_URL", "postgres://host:port/x"),
        ("DATABASE_URL", "postgres://host:99999/x"),
        ("REDIS_URL", "localhost:6379"),
        ("REDIS_URL", "http://localhost"),
        ("REDIS_URL", "redis://[::1"),
        ("REDIS_URL", "redis://host:99999"),
        ("REDIS_URL", "redis://ok,nonsense"),
        ("REDIS_URL", "redis+sentinel://host:26379"),
        ("REDIS_URL", "redis+cluster://a:6379,b:6379"),
        ("HTTPS_ONLY", "https"),
        ("TIME_ZONE", "Mars/Olympus"),
        ("TIME_ZONE", "../etc/passwd"),
        ("TIME_ZONE", "/etc/localtime"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("CHAT_DEFAULT_ROOM", "Lobby"),
        ("CHAT_DEFAULT_ROOM", "a b"),
        ("CHAT_DEFAULT_ROOM", "-a"),
        ("CHAT_DEFAULT_ROOM", "x" * 65),
        ("CHAT_RAW_SENDER", "both"),
        ("CHAT_SIGN_UP", "invited"),
        ("ALLOWED_HOSTS", "https://chat.example"),
        ("ALLOWED_HOSTS", "chat.example:8080"),
        ("ALLOWED_HOSTS", "chat.example/"),
        ("ALLOWED_HOSTS", "*.chat.example"),
        ("ALLOWED_HOSTS", "chat example"),
        ("ALLOWED_HOSTS", "[::1"),
        ("ALLOWED_HOSTS", "[::1]:8080"),
        ("ALLOWED_HOSTS", "fe80::1%eth0"),
        ("ALLOWED_HOSTS", "."),
        ("COOKIE_SUFFIX", "my site"),
        ("COOKIE_SUFFIX", "a;b"),
        ("COOKIE_SUFFIX", "a=b"),
        ("COOKIE_SUFFIX", "bücher"),
        ("COOKIE_SUFFIX", "x" * 33),
        ("TRUSTED_PROXIES", "unix:/run/nginx.sock"),
        ("TRUSTED_PROXIES", "10.0.0.5:80"),
        ("SITE_URL", "https://*.example.com"),
        ("SITE_URL", "capacitor://localhost"),
        ("SITE_URL", "chat.example.com"),
        ("SITE_URL", "ftp://chat.example.com"),
        ("SITE_URL", "https://"),
        ("SITE_URL", "https://:443"),
        ("SITE_URL", "https://[::1"),
        ("SITE_URL", "https://chat.example.com:port"),
        ("SITE_URL", "https://chat.example.com:99999"),
        ("SITE_URL", "https://chat.example.com/chat"),
        ("SITE_URL", "https://chat.example.com?x"),
        ("SITE_URL", "https://chat.example.com#x"),
        ("SITE_URL", "https://somebody@chat.example.com"),
        ("SITE_URL", "https://chat.example.com\\@evil.example"),
        ("SITE_URL", "https://chat.example.com evil.example"),
        ("CHAT_JWT_ALGORITHM", "none"),
        ("CHAT_JWT_ALGORITHM", "hs256"),
        ("CHAT_JWT_ALGORITHM", "HS512"),
        ("CHAT_JWT_JWKS_URL", "a.example/keys"),
        ("CHAT_JWT_JWKS_URL", "file:///etc/passwd"),
        ("CHAT_JWT_JWKS_URL", "https://"),
        ("CHAT_JWT_JWKS_URL", "https://a.example:port/keys"),
        ("EMAIL_URL", "mail.example"),
        ("EMAIL_URL", "smtp://mail.example"),
        ("EMAIL_URL", "smtp+tls://:587"),
        ("EMAIL_URL", "imap://mail.example:143"),
        ("CHAT_MESSAGE_RATE", "-1"),
        ("CHAT_FANOUT_RATE", "-1"),
        ("CHAT_FANOUT_RATE", "16 MB"),
        ("CHAT_MESSAGE_RATE", "nan"),
        ("CHAT_MESSAGE_RATE", "inf"),
        ("CHAT_MESSAGE_RATE", "ten"),
        ("CHAT_MESSAGE_BURST", "0"),
        ("CHAT_MESSAGE_BURST", "1.5"),
        ("CHAT_MAX_MESSAGE_BYTES", "0"),
        ("CHAT_MAX_MESSAGE_BYTES", str(1 << 40)),
        ("CHAT_OUTBOX_BYTES", str(4 * 65536 + 256 * 1024 - 1)),
        ("CHAT_MAX_ROOMS_PER_CONNECTION", "0"),
        ("CHAT_MAX_ROOMS", "-1"),
        ("CHAT_DRAIN_SECONDS", "0"),
        ("CHAT_MAX_CONNECTIONS", "-1"),
        ("CHAT_MAX_CONNECTIONS_PER_IP", "many"),
        ("CHAT_MAX_CONNECTIONS_PER_USER", "-1"),
        ("CHAT_MAX_UNKNOWN_PER_IP", "1.5"),
        ("CHAT_PING_INTERVAL", "0"),
        ("CHAT_PING_TIMEOUT", "0"),
    ],
)
def test_a_value_that_makes_no_sense_is_one_line_that_names_the_variable_and_what_is_allowed(
    var: Path, name: str, value: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        given(var, SECRET_KEY="x", **{name: value})
    told = str(caught.value)
    assert told.startswith(f"{name}=")
    assert "makes no sense: expected " in told
    assert "(chat.E001)" in told
    assert "\n" not in told


def test_a_password_is_in_no_message(var: Path) -> None:
    for name, value in (
        ("DATABASE_URL", "mysql://root:hunter2@localhost/x"),
        ("DATABASE_URL", "postgres://root:hun:ter2@localhost:x/y"),
        ("REDIS_URL", "http://:hunter2@localhost"),
        ("REDIS_URL", "redis://user:hunter2@[::1"),
        ("REDIS_URL", "redis+sentinel://:hunter2@a:1,b:2"),
    ):
        with pytest.raises(BadSetting) as caught:
            given(var, SECRET_KEY="x", **{name: value})
        assert "hunter2" not in str(caught.value)
        assert "ter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:pw@localhost", "redis://:***@localhost"),
        ("redis://user:p@ss:w/rd@localhost", "redis://user:***@localhost"),
        ("postgres://user@localhost/x", "postgres://user@localhost/x"),
        ("not a url", "not a url"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert hidden(url) == shown


OIDC = {
    "OIDC_SERVER_URL": "https://id.example/realms/team",
    "OIDC_CLIENT_ID": "chat",
    "OIDC_CLIENT_SECRET": "$ecret",
}


def test_a_provider_of_single_sign_on_is_its_three_variables_and_a_name(var: Path) -> None:
    found = given(var, **OIDC).oidc
    assert found == conf.Oidc("https://id.example/realms/team", "chat", "$ecret", "single sign-on")
    assert given(var, **OIDC, OIDC_NAME="the House").oidc == dataclasses.replace(found, name="the House")
    assert given(var, OIDC_NAME="the House").oidc is None


@pytest.mark.parametrize("missing", OIDC)
def test_half_a_provider_names_what_is_missing_and_no_secret(var: Path, missing: str) -> None:
    with pytest.raises(
        conf.BadSetting, match=f"{missing}='' makes no sense: expected a value, since .* is set"
    ) as caught:
        given(var, **{**OIDC, missing: ""})
    assert "$ecret" not in str(caught.value)


@pytest.mark.parametrize("url", ["id.example", "ftp://id.example", "https://[::1"])
def test_a_provider_has_an_address_of_the_web(var: Path, url: str) -> None:
    with pytest.raises(conf.BadSetting, match="OIDC_SERVER_URL=.*expected https://host/path"):
        given(var, **{**OIDC, "OIDC_SERVER_URL": url})


def test_several_redis_urls_are_shards_and_a_sentinel_url_stands_alone(var: Path) -> None:
    found = given(var, SECRET_KEY="x", REDIS_URL="redis://a:1/0, rediss://b:2/1,unix:///run/redis.sock")
    assert found.redis_urls == ("redis://a:1/0", "rediss://b:2/1", "unix:///run/redis.sock")
    assert found.clustered
    assert not found.embedded_broadcast
    sentinel = "redis+sentinel://:pw@a:26379,b:26379/main?db=1"
    assert given(var, SECRET_KEY="x", REDIS_URL=sentinel).redis_urls == (sentinel,)


@pytest.mark.parametrize(
    "url",
    ["redis+cluster://a:6379", "rediss+cluster://:pw@a,b,c", "redis-cluster://a:1/0", "redis://a,redis+cluster://b"],
)
def test_a_redis_cluster_is_refused_with_what_can_be_used_instead(var: Path, url: str) -> None:
    with pytest.raises(BadSetting) as caught:
        given(var, SECRET_KEY="x", REDIS_URL=url)
    told = str(caught.value)
    assert "no cluster, which the channel layer cannot use" in told
    assert "shards" in told
    assert "sentinel" in told
    assert ":pw@" not in told


PROXIES = {
    "unix": ((), True),
    "UNIX, 10.0.0.5": (("10.0.0.5/32",), True),
    "10.0.0.5": (("10.0.0.5/32",), False),
    "::ffff:10.0.0.5": (("10.0.0.5/32",), False),
    "::ffff:10.0.0.0/104": (("10.0.0.0/8",), False),
    "fe80::/10": (("fe80::/10",), False),
}


@pytest.mark.parametrize("written", PROXIES)
def test_a_trusted_proxy_has_an_address_or_comes_over_a_unix_socket(var: Path, written: str) -> None:
    found = given(var, TRUSTED_PROXIES=written)
    assert (tuple(map(str, found.trusted_proxies)), found.trusted_unix) == PROXIES[written]


def test_proxies_are_addresses_or_networks_of_both_kinds(var: Path) -> None:
    found = given(var, TRUSTED_PROXIES="10.0.0.5, 10.1.2.3/8,::1,fd00::/8").trusted_proxies
    assert [str(network) for network in found] == ["10.0.0.5/32", "10.0.0.0/8", "::1/128", "fd00::/8"]


def test_an_outbox_grows_with_the_message_size_unless_it_is_set(var: Path) -> None:
    big = 1 << 20
    assert given(var, CHAT_MAX_MESSAGE_BYTES=str(big)).outbox_bytes == 4 * big + 256 * 1024
    with pytest.raises(BadSetting, match="CHAT_OUTBOX_BYTES"):
        given(var, CHAT_MAX_MESSAGE_BYTES=str(big), CHAT_OUTBOX_BYTES=str(4 * big))


# The secret key


def test_a_key_is_made_once_and_kept_for_its_owner_only(var: Path) -> None:
    key = given(var).secret_key
    assert len(key) >= 50
    assert given(var).secret_key == key
    assert stat.S_IMODE((var / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in var.iterdir()] == ["secret_key"]


def test_a_key_that_is_given_is_taken_as_it_is_and_nothing_is_written(var: Path) -> None:
    for key in ("$2b$12$abcdef", "$HOME", r"\$x", "a,b", '"quoted"', "ключ"):
        assert given(var, SECRET_KEY=key, HOME="wrong").secret_key == key
    assert not var.exists()


@pytest.mark.parametrize("shared", [{"REDIS_URL": "redis://a"}, {"DATABASE_URL": "postgres://a/b"}])
def test_several_nodes_need_one_key_that_is_given_unless_one_develops(var: Path, shared: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match="SECRET_KEY"):
        given(var, **shared)
    assert given(var, DEBUG="1", **shared).secret_key
    assert given(var, SECRET_KEY="x", **shared).secret_key == "x"


def test_processes_that_start_at_once_agree_on_one_key(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = iter(range(1000, 2000))
    monkeypatch.setattr(conf.os, "getpid", lambda: next(numbers))  # Threads play processes.
    keys: list[str] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait(10)
        keys.append(given(var).secret_key)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert os.listdir(var) == ["secret_key"]
