"""Authors: what somebody may be called in an archive, which is what they may be called here."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from chat.wire import names
from chat.wire.codes import WireError

# Accounts, guests, other backends' people (chat/tokens.py), and those who were erased (chat/own_data.py).
ID = re.compile(r"user:[1-9][0-9]{0,18}|(?:guest|ext|gone):.+", re.ASCII)
# Of different authors: a room has few, and many messages.
REMEMBERED = 4096


def is_id(id: str) -> bool:
    """Tell whether somebody may have this id."""
    return id.isprintable() and ID.fullmatch(id) is not None


def kind_of(id: str) -> str:
    return "guest" if id.startswith("guest:") else "user"


def check_id(id: str) -> None:
    """Refuse what is nobody's id. Raises: ValueError."""
    if not is_id(id):
        raise ValueError(f"expected an id like user:1, guest:…, ext:… or gone:…, got {id!r}")


@lru_cache(REMEMBERED)
def check(id: str, name: str, kind: str) -> None:
    """Refuse an author that no log has. Raises: ValueError."""
    check_id(id)
    if kind != kind_of(id):
        raise ValueError(f"expected {kind_of(id)!r} as the kind of {id!r}, got {kind!r}")
    try:
        check_name(name)
    except WireError as error:
        raise ValueError(error.message.replace("payload.", "author.")) from None


@lru_cache(REMEMBERED)
def mended(id: str, name: str) -> tuple[str, str, str]:
    """Return id, name and kind as `check` lets them pass: a row that was written past the rules can be archived too."""
    id = mended_id(id)
    kind = kind_of(id)
    try:
        check_name(name)
    except WireError:
        name = f"{names.GUEST if kind == 'guest' else names.USER}{digest(id)[:8]}"
    return id, name, kind


def check_name(name: str) -> None:
    """Refuse a name that nobody may have; those that the server gives are in logs. Raises: WireError."""
    names.clean(name, given=name)


def mended_id(id: str) -> str:
    return id if is_id(id) else f"gone:{digest(id)[:16]}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
