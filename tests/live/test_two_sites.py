"""Two sites on one host, on two ports: a browser has one set of cookies for both, and nobody is signed out."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from .conftest import QUIET
from .farm import Farm
from .servers import Server
from .sockets import RawSocket
from .test_signed_in import PASSWORD, Session

JSON = "chat.v1.json"


@pytest.fixture
def sites(farm: Farm) -> list[Server]:
    """One on daphne, one on uvicorn, each with a key, a database and accounts of its own."""
    made = []
    for kind, name in (("daphne", "ada"), ("uvicorn", "bob")):
        server = farm.shared(
            kind, **QUIET, SECRET_KEY=f"the key of the site of {name}, long enough for Django's checks"
        )
        farm.add_user(server.var_dir, name, PASSWORD)
        made.append(server)
    return made


def speaker(raw: Callable[..., RawSocket], session: Session) -> str:
    """Return who the socket takes the browser for."""
    one = raw(session.server, protocols=[JSON], headers=list(session.headers.items()))
    welcome = json.loads(str(one.read()).split("\n")[0])
    return str(welcome["payload"]["user"]["name"])


def test_signing_in_and_out_at_one_site_changes_nothing_at_the_other(
    sites: list[Server], raw: Callable[..., RawSocket]
) -> None:
    one, two = (Session(server) for server in sites)
    two.cookies = one.cookies  # The browser's.
    one.sign_in("ada")
    two.sign_in("bob")
    for _ in range(2):
        assert (speaker(raw, one), speaker(raw, two)) == ("ada", "bob")
        assert one.ask("GET", "/accounts/profile/").status == two.ask("GET", "/accounts/profile/").status == 200
    two.sign_out()
    assert speaker(raw, two) not in ("ada", "bob")
    assert two.ask("GET", "/accounts/profile/").status == 302
    assert speaker(raw, one) == "ada" and one.ask("GET", "/accounts/profile/").status == 200
    two.sign_in("bob")
    one.sign_out()
    assert speaker(raw, two) == "bob" and two.ask("GET", "/accounts/profile/").status == 200
