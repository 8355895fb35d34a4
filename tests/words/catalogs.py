"""Catalogs: the translations of one language, as files for translators and as files that are loaded."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tests.words.source import ROOT, Sentence, sentences

FOLDER = ROOT / "chat/locale"
DOMAINS = ("django", "djangojs")
COMMENT = "# The words of chatsite. `make messages` renews this file."


class Words(Catalog):
    """A catalog whose head says what is needed to load it, and neither times nor versions: the same words are the same file."""

    def __init__(self, locale: str) -> None:
        super().__init__(locale, header_comment=COMMENT, fuzzy=False)

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Language", self.locale_identifier),
            ("Plural-Forms", self.plural_forms),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]


def files() -> Iterator[tuple[str, Path]]:
    """Yield each catalog's domain and its file for translators."""
    for folder in sorted(path for path in FOLDER.iterdir() if path.is_dir()):
        for domain in DOMAINS:
            yield domain, folder / "LC_MESSAGES" / f"{domain}.po"


def read(path: Path) -> Words:
    """Return the catalog of a file; of one that is not there, an empty one."""
    catalog = Words(path.parent.parent.name)
    text = path.read_bytes() if path.exists() else b""
    for message in read_po(io.BytesIO(text), locale=catalog.locale_identifier) if text else ():
        if message.id:
            catalog[message.id] = message
    return catalog


def renewed(domain: str, old: Words) -> Words:
    """Return a catalog with exactly the sentences of the source; translations stay."""
    catalog = Words(old.locale_identifier)
    for sentence, places in sentences(domain).items():
        string = translation(sentence, old.get(first(sentence)), catalog.num_plurals)
        catalog.add(sentence, string, locations=[(place, None) for place in places])
    return catalog


def first(sentence: Sentence) -> str:
    return sentence if isinstance(sentence, str) else sentence[0]


def translation(sentence: Sentence, known: Message | None, plurals: int) -> str | tuple[str, ...]:
    """Return what is known of a sentence; nothing where there was none, or it had no number in it before."""
    if known is not None and known.id == sentence:
        return known.string
    return "" if isinstance(sentence, str) else ("",) * plurals


def written(catalog: Words) -> bytes:
    """Return a catalog as translators edit it."""
    out = io.BytesIO()
    write_po(out, catalog, width=0, include_lineno=False)
    return out.getvalue()


def compiled(catalog: Words) -> bytes:
    """Return a catalog as it is loaded."""
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()
