"""The sentences of the source, by the files that they stand in."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent.parent
# One sentence, or the two of a number: the singular and the plural.
Sentence = str | tuple[str, str]
Found = dict[Sentence, list[str]]

MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}
STRING = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
IN_TEMPLATES = re.compile(rf"\b(?:_|n?gettext)\(\s*({STRING})(?:,\s*({STRING}),)?")
QUOTED = r'"(?:[^"\\]|\\.)*"'
IN_SCRIPTS = re.compile(rf"\b(?:(?:t|later)\(\s*({QUOTED})|several\([^\"`]*?,\s*({QUOTED}),\s*({QUOTED}))")


def in_python(text: str) -> Iterator[Sentence]:
    """Yield the sentences that a module marks."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MARKS:
            words = [it.value for it in node.args if isinstance(it, ast.Constant) and isinstance(it.value, str)]
            if words:
                yield (words[0], words[1]) if len(words) == 2 else words[0]


def in_template(text: str) -> Iterator[Sentence]:
    """Yield the sentences that a template marks."""
    for one, many in IN_TEMPLATES.findall(templatize(text)):
        yield (ast.literal_eval(one), ast.literal_eval(many)) if many else ast.literal_eval(one)


def in_script(text: str) -> Iterator[Sentence]:
    """Yield the sentences that a script says."""
    for sentence, one, many in IN_SCRIPTS.findall(text):
        yield json.loads(sentence) if sentence else (json.loads(one), json.loads(many))


def of(paths: list[Path], read: Callable[[str], Iterator[Sentence]], found: Found) -> Found:
    for path in sorted(paths):
        name = path.relative_to(ROOT).as_posix()
        for sentence in read(path.read_text("utf-8")):
            places = found.setdefault(sentence, [])
            if name not in places:
                places.append(name)
    return found


def scripts() -> list[Path]:
    static = ROOT / "chat/static/chat"
    return [path for path in static.rglob("*.js") if "admin" not in path.relative_to(static).parts]


def templates() -> list[Path]:
    folder = ROOT / "templates"
    return [
        path
        for kind in ("html", "txt")
        for path in folder.rglob(f"*.{kind}")
        if "admin" not in path.relative_to(folder).parts
    ]


def sentences(domain: str) -> Found:
    """Return the sentences of a domain, each with the files that have it: those of scripts, or all others."""
    if domain == "djangojs":
        return of(scripts(), in_script, {})
    return of(templates(), in_template, of([*(ROOT / "chat").rglob("*.py")], in_python, {}))
