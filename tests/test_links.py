"""Where a browser is pointed."""

from __future__ import annotations

import pytest

from chat import links

OWN = ["127.0.0.1", "box", "10.0.0.7", "fd00::7"]


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "own_names", lambda: OWN)


@pytest.mark.parametrize(
    ("host", "allowed", "found"),
    [
        ("127.0.0.1", [], ["http://127.0.0.1:80/"]),
        ("::1", [], ["http://[::1]:80/"]),
        ("0.0.0.0", ["127.0.0.1", "box"], ["http://127.0.0.1:80/", "http://box:80/"]),
        ("::", ["[fd00::7]"], ["http://[fd00::7]:80/"]),
        ("0.0.0.0", ["*"], ["http://127.0.0.1:80/", "http://box:80/", "http://10.0.0.7:80/", "http://[fd00::7]:80/"]),
        ("0.0.0.0", ["chat.example.org"], []),
    ],
)
def test_links_lead_where_the_server_lets_one_in(host: str, allowed: list[str], found: list[str]) -> None:
    assert links.links(host, 80, allowed) == found


def test_the_machines_own_addresses_are_no_loopback_ones() -> None:
    assert not [address for address in links.own_addresses() if address.startswith("127.")]
