"""What the corpus does to the page: nothing. Each text is shown as it was sent, in its own place, and asks for nothing."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from chat.wire.codes import WireError
from chat.wire.texts import check_shown

from .corpus import ADDRESSES, BIDI, HARM, TEXTS
from .farm import Farm
from .guests import Guest
from .scripted import OTHER, YOU, Script
from .servers import Server
from .sockets import RawSocket
from .windows import Window, on_one_server

pytestmark = [pytest.mark.browser, on_one_server]

AT = "2030-01-15T12:00:00.000Z"
Open = Callable[..., Window]

# All that may stand in the list of messages: elements, and their attributes.
ALLOWED = {
    "article": {"class", "tabindex", "id", "aria-label"},
    "header": set(),
    "bdi": {"class", "dir"},
    "span": {"class"},
    "div": {"class", "aria-live", "role", "aria-label", "hidden"},
    "p": {"class", "dir", "title", "role", "aria-live", "aria-label"},
    "a": {"href", "target", "rel", "class", "hidden"},
    "footer": set(),
    "button": {"class", "type", "hidden", "aria-pressed", "aria-label", "aria-expanded", "title", "tabindex"},
    "time": {"datetime", "title"},
}
CLASSES = set(
    "tag line message own other waiting sending sent failed continued author you body text binary state retry broadcast day head mark gone edited unseen count emoji reactions "
    "quoted quote actions tools discard again fold cut whole block".split()
)

WATCH = """() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
}"""
FOUND = """() => [...document.querySelectorAll("#messages *")].map((node) =>
    [node.localName, node.namespaceURI, [...node.attributes].map((it) => [it.name, it.value])])"""
OUTSIDE = """() => [...document.querySelectorAll("*")].filter((node) => !node.closest("#messages")).map((node) =>
    [node.localName, ...[...node.attributes].map((it) => it.name)].join(" "))"""
# Where each character of a text stands, so that one that was moved by its neighbours is found out.
STANDS = """(nodes) => nodes.map((node) => {
    const range = document.createRange();
    const line = node.closest(".line").getBoundingClientRect();
    return [...node.textContent].map((_, at) => {
        range.setStart(node.firstChild, at);
        range.setEnd(node.firstChild, at + 1);
        const { left, top } = range.getBoundingClientRect();
        return [Math.round(left - line.left), Math.round(top - line.top)];
    });
})"""


class Watch:
    """What a page does beside showing text, from now on."""

    def __init__(self, one: Window, server: Server) -> None:
        self.page, self.errors, self.server = one.page, one.errors, server
        self.asked: list[str] = []
        self.opened: list[str] = []
        one.page.on("request", lambda request: self.asked.append(request.url))
        one.page.on("popup", lambda popup: self.opened.append(popup.url))
        one.page.on("dialog", self.dialog)
        one.page.evaluate(WATCH)
        self.outside = one.page.evaluate(OUTSIDE)

    def dialog(self, dialog: object) -> None:
        self.opened.append(f"{dialog}")
        dialog.dismiss()  # type: ignore[attr-defined]

    def saw_nothing(self) -> None:
        """Hold the page to it."""
        assert [url for url in self.asked if not url.startswith(self.server.url("/static/"))] == []
        assert self.opened == []
        assert self.errors == []
        assert self.page.evaluate("window.violations") == []
        assert self.page.evaluate("window.harm") is None
        assert self.page.evaluate("Object.prototype.harm") is None
        assert self.page.url.startswith(self.server.url("/rooms/"))
        # Of elements hidden in passing nothing but `hidden` and what the states bring may differ.
        assert strip(self.page.evaluate(OUTSIDE)) == strip(self.outside)


def strip(elements: list[str]) -> list[str]:
    passing = {"hidden", "disabled", "open", "aria-invalid", "style"}
    return [" ".join(word for word in element.split() if word not in passing) for element in elements]


def holds_only_what_is_allowed(page: Page) -> None:
    for name, namespace, attributes in page.evaluate(FOUND):
        assert namespace == "http://www.w3.org/1999/xhtml"
        assert name in ALLOWED, name
        assert {attribute for attribute, _ in attributes} <= ALLOWED[name], (name, attributes)
        values = dict(attributes)
        assert set(values.get("class", "").split()) <= CLASSES
        if values.get("class") == "quote":
            # The message that a reply quotes, in this page.
            assert values.get("href", "#").startswith("#")
        elif name == "a":
            assert urlsplit(values["href"]).scheme in ("http", "https")
            assert "@" not in urlsplit(values["href"]).netloc
            assert (values["target"], values["rel"]) == ("_blank", "noopener noreferrer nofollow")


@pytest.fixture
def watched(unlimited: Server, window: Open, room: str) -> Iterator[tuple[Window, Watch]]:
    """A page in the room, watched to the end of the test."""
    one = window(unlimited, f"/rooms/{room}").joined()
    watch = Watch(one, unlimited)
    yield one, watch
    holds_only_what_is_allowed(one.page)
    watch.saw_nothing()


def test_the_corpus_is_large_and_would_be_felt(window: Open, unlimited: Server, room: str) -> None:
    assert len(TEXTS) == len(set(TEXTS)) >= 100
    assert "default-src 'none'" in unlimited.get(f"/rooms/{room}").headers["content-security-policy"]
    one = window(unlimited, f"/rooms/{room}").joined()
    watch = Watch(one, unlimited)
    one.page.evaluate(
        "(text) => { document.getElementById('messages').innerHTML = text; }", f"<img src=x onerror={HARM}>"
    )
    one.page.wait_for_function("() => window.violations.length > 0")
    with pytest.raises(AssertionError):
        holds_only_what_is_allowed(one.page)
    with pytest.raises(AssertionError):
        watch.saw_nothing()


def test_texts_of_both_codecs_are_shown_as_they_were_sent(
    watched: tuple[Window, Watch],
    unlimited: Server,
    guest: Callable[..., Guest],
    raw: Callable[..., RawSocket],
    room: str,
) -> None:
    one, _ = watched
    speaker, tutorial = guest(unlimited, room), raw(unlimited, f"/ws/{room}")
    # A durable room takes no U+0000, nor does the json codec.
    accepted = [text for text in TEXTS if "\x00" not in text]
    shown = [text for text in accepted if shows(text)]
    for text in accepted:
        if text in shown:
            speaker.send(room, text)
        else:
            answer = speaker.ask("send", {"room": room, "text": text})
            assert answer["payload"]["key"] == "text.empty", repr(text)
    for text in accepted:
        tutorial.send(text)
    expect(one.messages).to_have_count(len(shown) + len(accepted))
    assert unfolded(one) == [*map(drawn, shown), *map(drawn, accepted)]


def drawn(text: str) -> str:
    """Return what is drawn of a text: at most eight marks on each letter."""
    kept, run = [""], ""
    for character in [*text, ""]:
        if character and unicodedata.category(character)[0] == "M":
            run += character
            continue
        if len(run) > 8:
            base = kept.pop()
            run = unicodedata.normalize("NFC", base + run[:32])[: 8 + len(base)]
        kept += [run, character]
        run = ""
    return "".join(kept)


def unfolded(one: Window) -> list[str]:
    """Return the texts of all messages, those that were folded unfolded."""
    one.page.locator(".fold").evaluate_all("(all) => all.forEach((button) => button.click())")
    return one.texts()


def shows(text: str) -> bool:
    try:
        check_shown(text)
    except WireError:
        return False
    return True


def test_what_is_typed_is_shown_as_it_was_typed(watched: tuple[Window, Watch]) -> None:
    one, _ = watched
    # A text area makes every end of a line \\n, and what is blank is not sent.
    typed = [text for text in ADDRESSES + BIDI + TEXTS[:20] if shows(text)]
    for text in typed:
        one.say(text)
    expect(one.page.locator("#messages .own.sent")).to_have_count(len(typed))
    assert unfolded(one) == [drawn(text) for text in typed]


def test_a_name_that_the_server_takes_is_shown_as_it_was_taken(
    watched: tuple[Window, Watch], unlimited: Server, guest: Callable[..., Guest], room: str
) -> None:
    one, _ = watched
    speaker = guest(unlimited, room)
    taken = []
    for text in TEXTS:
        answer = speaker.ask("name", {"name": text[:40]})
        if answer["type"] == "ack":
            taken.append(answer["payload"]["user"]["name"])
            speaker.send(room, "hello")
    assert len(taken) >= 40
    expect(one.messages).to_have_count(len(taken))
    authors = one.page.locator("#messages .author").evaluate_all("(all) => all.map((node) => node.textContent)")
    assert authors == taken


def test_a_rooms_title_and_topic_are_text_in_the_template_and_in_the_page(
    farm: Farm, unlimited: Server, window: Open
) -> None:
    title, topic = TEXTS[0] + BIDI[-4], " ".join(TEXTS[6:12])[:250]
    rows = json.dumps([title, topic])
    code = f"from chat.models import Room; title, topic = {rows}; Room.objects.create(slug='corpus', title=title, topic=topic)"
    farm.manage(unlimited.var_dir, "shell", "-v0", "-c", code)
    one = window(unlimited, "/rooms/corpus").joined()
    Watch(one, unlimited).saw_nothing()
    assert one.page.locator("#room-title").text_content() == title
    assert one.page.locator("#topic").text_content() == topic
    assert one.page.evaluate("document.title") == " ".join(title.split())


def test_whatever_a_server_says_is_text(unlimited: Server, window: Open) -> None:
    script = Script()
    one = window(unlimited, "/rooms/lobby", lossy=script.serve).joined()
    watch = Watch(one, unlimited)
    for text in TEXTS:
        script.messages([text], AT, {"id": text, "name": text, "kind": text})
        script.say("message", room="lobby", text=text, at=text, author=OTHER, key=None)
        script.broadcast(text, AT)
        script.say("closing", code=text, reason=text, reconnect=True)
        script.frame({"type": "error", "payload": {"code": text, "message": text}})
        script.joined.update(title=text, topic=text)
        script.you = {**YOU, "name": text}
        script.say("resync", room="lobby")
    expect(one.page.locator("#room-title")).to_have_text(TEXTS[-1])
    expect(one.broadcasts).to_have_count(len(TEXTS))
    assert unfolded(one) == [drawn(text) for text in TEXTS for _ in range(2)]
    authors = one.page.locator("#messages .author").evaluate_all("(all) => all.map((node) => node.textContent)")
    assert authors[::2] == TEXTS
    said = one.page.locator("#messages .broadcast").evaluate_all("(all) => all.map((node) => node.textContent)")
    assert said == [drawn(text) for text in TEXTS]
    assert one.page.locator("#name .shown").text_content() == TEXTS[-1]
    holds_only_what_is_allowed(one.page)
    watch.saw_nothing()


def test_no_name_or_text_moves_what_stands_beside_it(unlimited: Server, window: Open) -> None:
    script = Script(you={**YOU, "name": "\u2069\u202eabc"}, title="\u202eLobby\u2069\u202e", topic="\u202etopic")
    one = window(unlimited, "/rooms/lobby", lossy=script.serve).joined()
    names = ["plain", *BIDI]
    for number, name in enumerate(names):
        script.message("short", AT, {"id": f"n{number}", "name": name[:40], "kind": "guest"})
        script.message("next (1) 12:34", AT, OTHER)
        script.message(f"{name}\n{name}", AT, {"id": f"t{number}", "name": "Bob", "kind": "guest"})
        script.message("next (1) 12:34", AT, OTHER)
        script.broadcast(name, AT)
        script.message("next (1) 12:34", AT, OTHER)
    one.page.wait_for_function("(count) => document.querySelectorAll('.message').length === count", arg=5 * len(names))

    def stands(part: str) -> list[list[list[int]]]:
        return one.page.locator(part).evaluate_all(STANDS)

    neighbours = "#messages .message:has(.text:text-is('next (1) 12:34'))"
    for part in (".text", "time", ".author"):
        places = stands(f"{neighbours} {part}")
        assert len(places) == 3 * len(names)
        assert all(place == places[0] for place in places), part
    for place in [*stands("#messages .message time"), *stands("#messages .message .author:text-is('Bob')")]:
        assert place == sorted(place), "from left to right, as it is written"
    for part in (".author", ".text", ".broadcast .text", "#room-title", "#topic bdi", "#name .shown"):
        kept = one.page.locator(part).evaluate_all(
            "(all) => all.every((node) => getComputedStyle(node).unicodeBidi !== 'normal'"
            " && getComputedStyle(node).display !== 'inline')"
        )
        assert kept, f"{part} is an isolate, and a box of its own, out of which no closing control leads"
