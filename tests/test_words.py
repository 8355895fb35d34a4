"""The catalogs: every sentence has a translation in every language, and what is loaded is what was translated."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest
from babel.messages import Message
from django.conf import settings
from django.utils.translation import override, to_locale

from chat import words
from tests.words import __main__, catalogs, source

FILES = list(catalogs.files())
NAMES = [str(path.relative_to(catalogs.FOLDER)) for _, path in FILES]
HOLE = re.compile(r"\{\w+\}|%\(\w+\)s|%")
MARKUP = re.compile(r"<[^>]+>")
each_file = pytest.mark.parametrize(("domain", "path"), FILES, ids=NAMES)


def messages(path: Path) -> list[Message]:
    return [message for message in catalogs.read(path) if message.id]


def both(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def test_every_language_but_english_has_its_catalogs() -> None:
    locales = {to_locale(code) for code, _ in settings.LANGUAGES} - {settings.LANGUAGE_CODE}
    assert {path.parent.parent.name for _, path in FILES} == locales
    assert all(path.exists() and path.with_suffix(".mo").exists() for _, path in FILES)


@each_file
def test_every_sentence_of_the_source_has_a_translation_and_no_other_has(domain: str, path: Path) -> None:
    translated = {message.id: message.string for message in messages(path)}
    wanted = source.sentences(domain).keys()
    assert len(wanted) > 80
    assert translated.keys() - wanted == set(), "`make messages` takes out what is said no more"
    assert wanted - translated.keys() == set(), "`make messages` puts in what is new"
    assert [sentence for sentence, string in translated.items() if not all(both(string))] == []


@each_file
def test_no_translation_is_a_guess(domain: str, path: Path) -> None:
    assert [message.id for message in messages(path) if message.fuzzy] == []


@each_file
def test_a_translation_has_the_holes_and_the_markup_of_its_sentence(domain: str, path: Path) -> None:
    for message in messages(path):
        singular, *plural = both(message.id)
        wanted = (plural or [singular])[0]
        for string in both(message.string):
            assert sorted(HOLE.findall(string)) == sorted(HOLE.findall(wanted)), string
            assert sorted(MARKUP.findall(string)) == sorted(MARKUP.findall(wanted)), string
            if "%(" not in string:
                list(Formatter().parse(string))


@each_file
def test_what_is_loaded_is_what_was_translated(domain: str, path: Path) -> None:
    assert path.with_suffix(".mo").read_bytes() == catalogs.compiled(catalogs.read(path)), "`make messages` compiles it"


@each_file
def test_renewing_a_catalog_changes_nothing(domain: str, path: Path) -> None:
    assert catalogs.written(catalogs.renewed(domain, catalogs.read(path))) == path.read_bytes()


def test_a_new_language_begins_with_all_sentences_and_no_translation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pl").mkdir()
    monkeypatch.setattr(catalogs, "FOLDER", tmp_path)
    assert __main__.main() == 1
    assert "django.po: 0 sentences" not in capsys.readouterr().out
    fresh = messages(tmp_path / "pl/LC_MESSAGES/djangojs.po")
    assert {len(both(message.string)) for message in fresh} == {1, 3}
    assert not any(any(both(message.string)) for message in fresh)


# Where sentences are found


def test_sentences_are_found_in_python_templates_and_scripts() -> None:
    python = 'a = _("One")\nb = gettext_noop("Two")\nc = ngettext("{n} day", "{n} days", 3)\nd = _(name)\ne = f("Not")'
    template = (
        '{% load i18n %}{% translate "One" %}{% include "x.html" with submit=_("It\'s") %}'
        "{% blocktranslate with a=b %}Two {{ a }}{% endblocktranslate %}"
        "{% blocktranslate count n=n %}{{ n }} day{% plural %}{{ n }} days{% endblocktranslate %}"
        '{{ x|date:_("j F") }}{# translate "Not" #}'
    )
    script = 'const A = later("One");\nt(\n  "Two {a}", { a });\nseveral(list.length, "{count} day", "{count} days");\nt(A); at("Not");'
    assert list(source.in_python(python)) == ["One", "Two", ("{n} day", "{n} days")]
    assert list(source.in_template(template)) == ["One", "It's", "Two %(a)s", ("%(n)s day", "%(n)s days"), "j F"]
    assert list(source.in_script(script)) == ["One", "Two {a}", ("{count} day", "{count} days")]


def bare(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", source.scripts(), ids=lambda path: path.name)
def test_a_script_says_no_sentence_that_is_not_to_be_translated(path: Path) -> None:
    for line in bare(path.read_text("utf-8")).splitlines():
        if "import " in line or "warn(" in line or "console." in line:
            continue
        rest = source.IN_SCRIPTS.sub("", line)
        found = [
            *re.findall(r'"([A-Z][a-z]+(?: [a-z]+)+[^"]*)"', rest),
            *re.findall(r"`[^`]*[a-z] [a-z]+ [^`]*`", rest),
        ]
        assert found == [], line


class Spoken(HTMLParser):
    """Collects what a reader sees or hears of a template's markup."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        # What stands in <code> is typed as it is.
        if self.get_starttag_text() != "<code>":
            self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.words += [value or "" for name, value in attrs if name in ("aria-label", "placeholder", "alt", "title")]


TAGS = re.compile(
    r"\{% (comment|blocktranslate|block body_class)\b.*?%\}.*?\{% end\w+ %\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL
)


@pytest.mark.parametrize("path", source.templates(), ids=lambda path: path.name)
def test_a_template_says_no_word_that_is_not_to_be_translated(path: Path) -> None:
    spoken = Spoken()
    spoken.feed(TAGS.sub("", path.read_text("utf-8")))
    assert re.findall(r"[A-Za-z]{2,}.*", " ".join(spoken.words)) == []


# The page's script


def test_the_page_gets_the_catalog_of_its_language() -> None:
    with override("zh-hans"):
        found = words.for_page()
    assert found["language"] == "zh-hans"
    assert found["words"]["Connected"] == "已连接"
    assert found["words"]["{count} new message"] == ["{count} 条新消息"]
    assert "" not in found["words"]
    assert found["told"]["This room is for its members."] == "此房间仅限成员。"


def test_in_english_the_page_gets_nothing() -> None:
    with override("en"):
        assert words.for_page() == {}
    with override(None):
        assert words.for_page() == {}
