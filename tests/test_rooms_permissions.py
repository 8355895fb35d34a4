"""Permissions: one table of who may do what in which room."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chat.rooms import permissions
from chat.rooms.permissions import CLOSED, OPEN, Policy, Role, Standing
from chat.wire.codes import WireError
from chat.wire.events import Person

GUEST = Person("guest:1", "guest-1", "guest")
USER = Person("user:1", "Ada", "user")
WHO = {
    "guest": (GUEST, Standing()),
    "user": (USER, Standing()),
    "member": (USER, Standing(Role.MEMBER)),
    "moderator": (USER, Standing(Role.MODERATOR)),
    "owner": (USER, Standing(Role.OWNER)),
    "site moderator": (USER, Standing(Role.NONE, moderates=True)),
}
# y: may; u: unauthenticated; f: forbidden. In the order of WHO.
READ = {
    OPEN: "yyyyyy",
    OPEN._replace(archived=True): "yyyyyy",
    OPEN._replace(posting="moderators"): "yyyyyy",
    OPEN._replace(guests=False): "uyyyyy",
    Policy("members"): "ufyyyy",
    Policy("members", guests=False): "ufyyyy",
    Policy("direct"): "ufyyyf",
    CLOSED: "ufyyyy",
}
POST = {
    OPEN: "yyyyyy",
    OPEN._replace(archived=True): "ffffff",
    OPEN._replace(guests=False): "uyyyyy",
    OPEN._replace(posting="signed-in"): "uyyyyy",
    OPEN._replace(posting="members"): "ufyyyy",
    OPEN._replace(posting="moderators"): "uffyyy",
    Policy("members"): "ufyyyy",
    Policy("members", "signed-in"): "ufyyyy",
    Policy("members", "moderators"): "uffyyy",
    Policy("members", archived=True): "ufffff",
    Policy("direct"): "ufyyyf",
}
REACT = {
    OPEN: "yyyyyy",
    OPEN._replace(posting="signed-in"): "uyyyyy",
    OPEN._replace(posting="members"): "ufyyyy",
    OPEN._replace(posting="moderators"): "uyyyyy",
    OPEN._replace(archived=True): "ffffff",
    Policy("members", "moderators"): "ufyyyy",
    Policy("direct"): "ufyyyf",
}
MODERATE = {OPEN: "fffyyy", Policy("members"): "uffyyy", Policy("direct"): "ufffff"}
OWN = {OPEN: "ffffyy", Policy("members"): "ufffyy", Policy("direct"): "ufffff"}

Check = Callable[[Policy, Person, Standing], None]
TABLES: dict[Check, dict[Policy, str]] = {
    permissions.check_read: READ,
    permissions.check_post: POST,
    permissions.check_react: REACT,
    permissions.check_moderate: MODERATE,
    permissions.check_own: OWN,
}
CELLS = [
    pytest.param(check, policy, who, said, id=f"{check.__name__}-{'-'.join(map(str, policy))}-{who}")
    for check, table in TABLES.items()
    for policy, row in table.items()
    for who, said in zip(WHO, row, strict=True)
]


def answer(check: Callable[..., None], *arguments: object) -> str:
    try:
        check(*arguments)
    except WireError as error:
        assert error.message.endswith(".")
        return error.code.value[0]
    return "y"


@pytest.mark.parametrize(("check", "policy", "who", "said"), CELLS)
def test_who_may_do_what(check: Check, policy: Policy, who: str, said: str) -> None:
    assert answer(check, policy, *WHO[who]) == said


# Who may make somebody something else: another's role, in the order of WHO; then their own.
ROLES = {
    (OPEN, Role.NONE, Role.MEMBER): ("uffyyy", "y"),
    (OPEN, Role.MEMBER, Role.NONE): ("uffyyy", "y"),
    (OPEN, Role.MEMBER, Role.MODERATOR): ("ufffyy", "f"),
    (OPEN, Role.MODERATOR, Role.MEMBER): ("ufffyy", "y"),
    (OPEN, Role.MODERATOR, Role.OWNER): ("ufffyy", "f"),
    (OPEN, Role.OWNER, Role.NONE): ("ufffyy", "y"),
    (Policy("members"), Role.NONE, Role.MEMBER): ("uffyyy", "f"),
    (Policy("members"), Role.MEMBER, Role.NONE): ("uffyyy", "y"),
    (Policy("direct"), Role.NONE, Role.MEMBER): ("ufffff", "f"),
    (Policy("direct"), Role.MEMBER, Role.NONE): ("ufffff", "y"),
    (OPEN._replace(archived=True), Role.NONE, Role.MEMBER): ("ufffff", "f"),
    (OPEN._replace(archived=True), Role.MEMBER, Role.NONE): ("ufffff", "y"),
}


@pytest.mark.parametrize(("change", "said"), ROLES.items(), ids=str)
def test_who_may_change_a_role(change: tuple[Policy, Role, Role], said: tuple[str, str]) -> None:
    policy, before, after = change
    others = "".join(answer(permissions.check_role, policy, *WHO[who], before, after, False) for who in WHO)
    own = answer(permissions.check_role, policy, USER, Standing(before), before, after, True)
    assert (others, own) == said


def test_a_guest_has_no_role_of_their_own() -> None:
    assert answer(permissions.check_role, OPEN, GUEST, Standing(), Role.NONE, Role.MEMBER, True) == "u"


def test_roles_and_their_words_are_one_to_one() -> None:
    assert {permissions.ROLES[role.word] for role in Role} == set(Role)
