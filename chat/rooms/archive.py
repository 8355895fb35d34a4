"""The archive of a room: its file's format, one JSON value a line, read and written as it streams by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Annotated, Any, BinaryIO

import msgspec
from msgspec import Meta, Struct

from chat.conf import SLUG
from chat.rooms import authors
from chat.rooms.reactions import MAX_EMOJI, MAX_REACTIONS
from chat.rooms.rows import Row, reactions_text
from chat.wire import json
from chat.wire.codes import WireError
from chat.wire.emoji import is_emoji, joined

FORMAT = "chatsite-room"
VERSION = 1
# What a line needs beside its message's text: a thousand reactions, and the other fields.
LINE_BYTES = 1 << 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
# What no line of text holds: controls, ends of lines and paragraphs, halves of characters.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Number = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Short = Annotated[str, Meta(min_length=1, max_length=64)]
Emoji = Annotated[str, Meta(min_length=1, max_length=16)]
Time = Annotated[datetime, Meta(tz=True)]


class BadArchive(Exception):
    """A file that is no whole archive: the message names the line, what was expected and what came."""

    def __init__(self, line: int, said: str) -> None:
        super().__init__(f"line {line}: {said}")
        self.line = line


class Card(Struct, frozen=True, forbid_unknown_fields=True):
    """What the room is called."""

    slug: Annotated[str, Meta(pattern=rf"^{SLUG}\Z")]
    title: Annotated[str, Meta(max_length=100)]
    topic: Annotated[str, Meta(max_length=250)]


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: whose log it is, and where the log stood."""

    format: str
    version: int
    room: Card
    epoch: Short
    head: Count
    last: Count
    exported_at: Time


class Author(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wrote a message, as others saw them."""

    id: Short
    name: Annotated[str, Meta(max_length=64)]
    kind: Annotated[str, Meta(min_length=1, max_length=16)]


class Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A message. Data is base64, times are RFC 3339 in UTC, to the millisecond."""

    number: Number
    offset: Number
    key: Short
    change: Short
    author: Author
    at: Time
    address: Annotated[str, Meta(max_length=64)] = ""
    text: str | None = None
    data: bytes | None = None
    edited_at: Time | None = None
    deleted: bool = False
    reply_to: Number | None = None
    reactions: dict[Emoji, list[Short]] = {}

    def row(self, room: int) -> Row:
        """Return the row that the message is in a room."""
        return Row(
            *(room, self.number, self.offset, self.key, self.change, self.author.id, self.author.name),
            *(self.author.kind, self.address, self.text, self.data, milliseconds(self.at)),
            *(None if self.edited_at is None else milliseconds(self.edited_at), self.deleted, self.reply_to),
            reactions_text(joined(self.reactions)),
        )


class End(Struct, frozen=True, forbid_unknown_fields=True):
    """The last line: how many messages there are, and the sum of every line before it."""

    end: Count
    sha256: str


_encode = msgspec.json.Encoder().encode
_header = msgspec.json.Decoder(Header)
_line = msgspec.json.Decoder(Line)
_end = msgspec.json.Decoder(End)


def card_of(slug: str, title: str, topic: str) -> Card:
    """Return what a room is called as it stands in an archive."""
    return Card(slug, CONTROL.sub(" ", title), CONTROL.sub(" ", topic))


def line_of(row: Row) -> Line:
    """Return a message as it stands in an archive, which whatever is in the log has to do: also what no client may send,
    but a database was given.
    """
    return Line(
        number=row.number,
        offset=row.offset,
        key=mended_key(row.key),
        change=mended_key(row.change),
        author=Author(*authors.mended(row.author, row.name)),
        at=moment(row.at),
        address=CONTROL.sub(" ", row.address),
        text=row.text,
        data=None if row.data is None else bytes(row.data),
        edited_at=None if row.edited_at is None else moment(row.edited_at),
        deleted=bool(row.deleted),
        reply_to=row.reply_to,
        reactions={
            emoji: [authors.mended_id(id) for id in ids] for emoji, ids in row.reacted().items() if is_emoji(emoji)
        },
    )


def mended_key(key: str) -> str:
    """Return a key, or where it is no line of text another one, which stands for it alone."""
    return authors.digest(key) if CONTROL.search(key) else key


def moment(at: int) -> datetime:
    """Return the time that milliseconds since the epoch are."""
    return EPOCH + at * MILLISECOND


def milliseconds(at: datetime) -> int:
    return (at - EPOCH) // MILLISECOND


def written(header: Header, rows: Iterable[Row]) -> Iterator[tuple[int, bytes]]:
    """Yield an archive's lines, each with how many messages there are up to it."""
    total, count = hashlib.sha256(), 0
    first = _encode(header) + b"\n"
    total.update(first)
    yield count, first
    for row in rows:
        line = _encode(line_of(row)) + b"\n"
        total.update(line)
        count += 1
        yield count, line
    yield count, _encode(End(count, total.hexdigest())) + b"\n"


class Reading:
    """Reads an archive once, checking each line; `header` is there from the start.

    `at` is the number of the line that was read last.

    Raises: BadArchive, here and while `messages` is gone through.
    """

    def __init__(self, file: BinaryIO, max_message_bytes: int) -> None:
        self.file = file
        self.max_message_bytes = max_message_bytes
        self.max_line_bytes = 6 * max_message_bytes + LINE_BYTES
        self.at = 0
        self.total = hashlib.sha256()
        first = self._next()
        # Told apart before the rest is looked at: another version may have other fields.
        known = self._decode(msgspec.json.Decoder(dict[str, Any]), first)
        if (known.get("format"), known.get("version")) != (FORMAT, VERSION):
            raise self.bad(
                f'expected "format":"{FORMAT}" and "version":{VERSION}, '
                f"got {known.get('format')!r} and {known.get('version')!r}"
            )
        self.header: Header = self._decode(_header, first)
        self.total.update(first)
        self._check_lines(title=self.header.room.title, topic=self.header.room.topic)
        if self.header.head < self.header.last:
            raise self.bad(f"expected a head of at least last, {self.header.last}, got {self.header.head}")

    def messages(self) -> Iterator[Line]:
        """Yield the messages, in order of their numbers."""
        number, count = 0, 0
        while not (text := self._next()).startswith(b'{"end"'):
            line: Line = self._decode(_line, text)
            self._check(line, number)
            self.total.update(text)
            number, count = line.number, count + 1
            yield line
        end: End = self._decode(_end, text)
        if (end.end, end.sha256) != (count, self.total.hexdigest()):
            raise self.bad(
                f"expected the end of {count} messages with the sum {self.total.hexdigest()}, "
                f"got one of {end.end} with {end.sha256[:80]!r}: lines are missing, or were changed"
            )
        if self.file.read(1):
            self.at += 1
            raise self.bad("expected nothing after the end, got more")

    def bad(self, said: str) -> BadArchive:
        return BadArchive(self.at, said)

    def _next(self) -> bytes:
        line = self.file.readline(self.max_line_bytes + 1)
        self.at += 1
        if not line:
            raise self.bad("expected another line, got the end of the file: it was cut off")
        if len(line) > self.max_line_bytes:
            raise self.bad(
                f"expected at most {self.max_line_bytes} bytes (CHAT_MAX_MESSAGE_BYTES allows them), got more"
            )
        if not line.endswith(b"\n"):
            raise self.bad("expected a whole line, got one without its end: the file was cut off")
        return line

    def _decode(self, decoder: msgspec.json.Decoder[Any], line: bytes) -> Any:
        try:
            return decoder.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise self.bad(str(error)) from None

    def _check(self, line: Line, before: int) -> None:
        """Refuse what the types do not, and no log has. Raises: BadArchive."""
        header = self.header
        if not before < line.number <= header.last:
            raise self.bad(f"expected a number from {before + 1} to {header.last}, got {line.number}")
        if line.offset > header.head:
            raise self.bad(f"expected an offset of at most head, {header.head}, got {line.offset}")
        if line.reply_to is not None and line.reply_to >= line.number:
            raise self.bad(f"expected reply_to to be below the message's own number, got {line.reply_to}")
        if [line.text, line.data].count(None) != (2 if line.deleted else 1):
            raise self.bad("expected text or data, and neither where the message is deleted")
        self._check_strings(line)
        if len(line.reactions) > MAX_EMOJI or sum(map(len, line.reactions.values())) > MAX_REACTIONS:
            raise self.bad(f"expected up to {MAX_EMOJI} emoji and {MAX_REACTIONS} reactions, got more")

    def _check_strings(self, line: Line) -> None:
        """Refuse what a client may not send: a size over the limit, controls, somebody that nobody is. Raises: BadArchive."""
        author = line.author
        try:
            if line.data is not None:
                json.check_size(len(line.data), self.max_message_bytes)
            if line.text is not None:
                json.check_text(line.text, self.max_message_bytes)
            for emoji in line.reactions:
                json.check_emoji(emoji)
        except WireError as error:
            raise self.bad(error.message.replace("payload.", "")) from None
        self._check_lines(key=line.key, change=line.change, address=line.address)
        try:
            authors.check(author.id, author.name, author.kind)
            for id in chain.from_iterable(line.reactions.values()):
                authors.check_id(id)
        except ValueError as error:
            raise self.bad(str(error)) from None

    def _check_lines(self, **texts: str) -> None:
        """Refuse what is no line of text. Raises: BadArchive."""
        for name, text in texts.items():
            if found := CONTROL.search(text):
                raise self.bad(f"{name}: expected a line of text without control characters, got U+{ord(found[0]):04X}")
