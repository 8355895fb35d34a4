"""What the files of deploy/ promise that running them does not show: figures that must fit the project's own, words that must not stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chat import conf
from chat.bodies import MAX_BODY_BYTES
from chatsite.servers.heads import HEAD_BYTES

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
PROXIES = ("nginx.conf", "haproxy.cfg")
SERVERS = 2  # as many as the files name


def lines(name: str) -> list[str]:
    """Return a file's lines without comments and what surrounds them."""
    text = (DEPLOY / name).read_text("utf-8")
    return [line for line in (line.split("#")[0].strip() for line in text.splitlines()) if line]


def seconds(name: str, directive: str) -> list[float]:
    """Return every value of a time-out, in seconds."""
    found = [re.fullmatch(rf"{directive} (\d+)(s|m|h);?", line) for line in lines(name)]
    values = [int(it[1]) * {"s": 1, "m": 60, "h": 3600}[it[2]] for it in found if it]
    assert values, f"{name} does not set {directive}"
    return values


def number(name: str, pattern: str) -> int:
    """Return the one number that a pattern finds."""
    found = re.findall(pattern, "\n".join(lines(name)))
    assert len(found) == 1, (name, pattern, found)
    return int(found[0])


@pytest.fixture
def defaults(tmp_path: Path) -> conf.Conf:
    return conf.read({"CHAT_VAR_DIR": str(tmp_path)})


@pytest.mark.parametrize(
    ("name", "directive"),
    [
        ("nginx.conf", "proxy_read_timeout"),
        ("nginx.conf", "proxy_send_timeout"),
        ("nginx.conf", "send_timeout"),
        ("haproxy.cfg", "timeout tunnel"),
    ],
)
def test_a_websocket_may_be_silent_for_longer_than_a_heartbeat_takes(
    name: str, directive: str, defaults: conf.Conf
) -> None:
    assert max(seconds(name, directive)) >= 2 * (defaults.ping_interval + defaults.ping_timeout)


@pytest.mark.parametrize(
    ("name", "directive"),
    [
        ("nginx.conf", "client_header_timeout"),
        ("nginx.conf", "client_body_timeout"),
        ("haproxy.cfg", "timeout http-request"),
        ("haproxy.cfg", "http-request wait-for-body time"),
    ],
)
def test_requests_that_trickle_get_seconds_not_minutes(name: str, directive: str) -> None:
    assert 5 <= max(seconds(name, directive)) <= 10


def test_the_largest_body_is_the_servers_own() -> None:
    assert number("nginx.conf", r"client_max_body_size (\d+);") == MAX_BODY_BYTES
    assert number("haproxy.cfg", r"hdr_val\(content-length\) gt (\d+) ") == MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("name", "pattern"), [("nginx.conf", r"limit_conn address (\d+);"), ("haproxy.cfg", r"sc0_conn_cur gt (\d+) ")]
)
def test_the_limit_for_one_address_is_above_what_the_servers_allow_together(
    name: str, pattern: str, defaults: conf.Conf
) -> None:
    assert number(name, pattern) > SERVERS * defaults.max_connections_per_ip


def test_there_is_place_for_all_that_the_servers_take_together(defaults: conf.Conf) -> None:
    wanted = SERVERS * defaults.max_connections
    assert number("haproxy.cfg", r"\bmaxconn (\d+)") >= wanted
    # Each WebSocket takes two, and there are at least two workers; each takes a file.
    connections = number("nginx.conf", r"worker_connections (\d+);")
    assert 2 * connections >= 2 * wanted
    assert number("nginx.conf", r"worker_rlimit_nofile (\d+);") > connections


def test_a_head_that_a_server_takes_passes_either_proxy() -> None:
    """What is too large for a server passes, too, where it can: its answer says how to get out."""
    buffers = re.findall(r"large_client_header_buffers (\d+) (\d+)k;", "\n".join(lines("nginx.conf")))
    assert [int(size) * 1024 > HEAD_BYTES for _, size in buffers] == [True]
    least_left = number("haproxy.cfg", r"tune\.bufsize (\d+)") - number("haproxy.cfg", r"tune\.maxrewrite (\d+)")
    assert least_left > HEAD_BYTES


def rate_of_one_address(zone: str, counter: int) -> tuple[int, float]:
    """Return how many requests of one address pass at once and a second, the same through either proxy."""
    rate = number("nginx.conf", rf"zone={zone}:10m rate=(\d+)r/s;")
    burst = number("nginx.conf", rf"zone={zone} burst=(\d+) nodelay;")
    most = number("haproxy.cfg", rf"sc{counter}_http_req_rate\({zone}\) gt (\d+) ")
    time = number("haproxy.cfg", rf"backend {zone}\n.*http_req_rate\((\d+)s\)")
    assert (most, most / time) == (burst, rate)
    return burst, rate


def test_passwords_come_from_one_address_as_often_through_either_proxy() -> None:
    assert rate_of_one_address("accounts", 1) == (50, 2)


def test_so_do_other_pages_and_their_files_and_sockets_do_not_count() -> None:
    assert rate_of_one_address("pages", 2) == (300, 20)
    nginx = (DEPLOY / "nginx.conf").read_text("utf-8")
    limited = re.findall(r"location (\S.*?) \{\s+limit_req zone=(\w+) ", nginx)
    assert limited == [("/", "pages"), ("~ ^/(accounts|admin/login)(/|$)", "accounts")]
    assert "acl files path,url_dec -m reg ^/+(static|ws)(/|$)" in lines("haproxy.cfg")


# nginx does not ask the servers how they are: one that is gone has the fewest connections.
NEXT = {"nginx.conf": "random;", "haproxy.cfg": "balance leastconn"}


@pytest.mark.parametrize("name", PROXIES)
def test_nothing_is_sticky_and_no_server_that_may_be_gone_gets_every_connection_first(name: str) -> None:
    text = "\n".join(lines(name))
    assert NEXT[name] in lines(name)
    assert not re.search(r"\b(ip_hash|sticky|hash|cookie|stick on|stick match|balance source)\b", text)


def test_nginx_leaves_no_server_out_since_a_websocket_would_never_take_it_back() -> None:
    servers = [line for line in lines("nginx.conf") if re.match(r"server \d", line)]
    assert len(servers) == SERVERS and all(line.endswith(" max_fails=0;") for line in servers)


@pytest.mark.parametrize(
    ("name", "directive"), [("nginx.conf", "proxy_connect_timeout"), ("haproxy.cfg", "timeout connect")]
)
def test_a_machine_that_answers_nothing_is_given_up_within_a_second(name: str, directive: str) -> None:
    assert seconds(name, directive) == [1]


@pytest.mark.parametrize("name", PROXIES)
def test_old_tls_is_off(name: str) -> None:
    text = "\n".join(lines(name))
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in text or "ssl-min-ver TLSv1.2" in text
    assert not re.search(r"SSLv3|TLSv1\.[01]\b|TLSv1\b(?!\.)", text)


@pytest.mark.parametrize(("name", "count"), [("nginx.conf", 3), ("haproxy.cfg", 2)])
def test_the_places_that_are_the_operators_are_marked_and_counted(name: str, count: int) -> None:
    text = (DEPLOY / name).read_text("utf-8")
    assert re.findall(r"# EDIT (\d) of (\d):", text) == [(str(place), str(count)) for place in range(1, count + 1)]
    # All that is an example stands in a marked place: within ten lines below the mark.
    marks = [at for at, line in enumerate(text.splitlines()) if "# EDIT" in line]
    for at, line in enumerate(text.splitlines()):
        if re.search(r"chat\.example|10\.0\.0\.", line):
            assert any(0 < at - mark <= 10 for mark in marks), line


@pytest.mark.parametrize("name", PROXIES)
def test_no_log_is_told_a_query_string_or_a_referrer(name: str) -> None:
    formats = [line for line in lines(name) if re.match(r"log_format|log-format|'", line)]
    assert formats
    assert not re.search(
        r"\$request\b|\$uri|%HPO?\b|\$request_uri|\$args|\$query_string|\$http_referer|%r\b|%HU|%HQ|%hr", str(formats)
    )
