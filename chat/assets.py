"""The files that pages load: one version of them all, held in memory."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import brotli
from django.contrib.staticfiles import finders
from servestatic.media_types import MediaTypes

# As `collectstatic` has it: an editor's leftovers on one server must not make another version of it.
LEFT_OUT = ["CVS", ".*", "*~"]
# Quality 5 takes 0.2 ms for a file of ours and 14 ms for the admin's largest; 11 takes 30 times that and saves a tenth.
BROTLI_QUALITY = 5
GZIP_LEVEL = 6
# A form that saves less than this part of the file is not worth its unpacking.
LEAST_SAVED = 0.05
MEDIA_TYPES = MediaTypes(extra_types={".webmanifest": "application/manifest+json"})
CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda content: brotli.compress(content, quality=BROTLI_QUALITY),
    "gzip": lambda content: gzip.compress(content, GZIP_LEVEL, mtime=0),
}


class Form(NamedTuple):
    """A file's bytes as they are sent, by which content coding (empty: as they are), with their entity tag."""

    coding: str
    body: bytes
    etag: str


class Asset:
    """A file and its compressed forms, each made when it is first asked for: starting takes no time for them."""

    def __init__(self, name: str, content: bytes) -> None:
        kind = MEDIA_TYPES.get_type(name)
        self.content_type = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        self.plain = Form("", content, f'"{digest}"')
        self.forms: dict[str, Form] = {}

    def form(self, codings: list[str]) -> Form:
        """Return the form in the first of these codings; the file as it is where none makes it smaller."""
        return self._compressed(codings[0]) if codings else self.plain

    def _compressed(self, coding: str) -> Form:
        if coding not in self.forms:
            content = self.plain.body
            body = CODINGS[coding](content)
            saves = len(body) <= (1 - LEAST_SAVED) * len(content)
            self.forms[coding] = Form(coding, body, f'{self.plain.etag[:-1]}-{coding}"') if saves else self.plain
        return self.forms[coding]


class Assets:
    """All files by name, and the version that stands for them: a hash of their names and bytes.

    They are held in memory, since an upgrade changes the files under a process that still runs: under its version it
    would hand out another one's.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        whole = hashlib.blake2b(digest_size=6)
        for name, content in sorted(files.items()):
            whole.update(f"{len(name)}:{name}{len(content)}:".encode())
            whole.update(content)
        self.version = whole.hexdigest()
        self.files = {name: Asset(name, content) for name, content in files.items()}


@cache
def installed() -> Assets:
    """Return the files of all applications, as Django's finders have them: of two with one name the first.

    Takes about 20 ms (192 files, the admin's among them). Raises: OSError.
    """
    paths: dict[str, str] = {}
    for finder in finders.get_finders():
        for path, storage in finder.list(LEFT_OUT):
            paths.setdefault(path.replace("\\", "/"), storage.path(path))
    contents: dict[str, bytes] = {}
    for name, path in paths.items():
        with open(path, "rb") as file:
            contents[name] = file.read()
    return Assets(contents)
