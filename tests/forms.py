"""Forms of pages, as a browser sends them: what a page's markup says, and what somebody types."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

Data = dict[str, list[str]]


@dataclass
class Form:
    """One form of a page: where it goes, its fields as they stand, and the buttons that send it."""

    method: str
    action: str
    fields: Data = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def filled(self, typed: dict[str, str], button: tuple[str, str] | None = None) -> Data:
        """Return what is sent once these fields are filled in."""
        name, value = button or ("", "")
        return {**self.fields, **{key: [it] for key, it in typed.items()}, **({name: [value]} if name else {})}


class Forms(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.select = ""
        self.open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        it = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.found.append(Form(it.get("method", "get").lower(), it.get("action", "")))
            self.open = True
        elif self.open and tag == "input" and it.get("name"):
            self._input(it)
        elif self.open and tag == "button":
            self.found[-1].buttons.append((it.get("name", ""), it.get("value", "")))
            self.found[-1].names.add(it.get("name", ""))
        elif self.open and tag == "select":
            self.select = it.get("name", "")
            self.found[-1].names.add(self.select)
        elif self.open and tag == "option" and self.select and ("selected" in it):
            self.found[-1].fields.setdefault(self.select, []).append(it.get("value", ""))

    def _input(self, it: dict[str, str]) -> None:
        form = self.found[-1]
        form.names.add(it["name"])
        if it.get("type") == "submit":
            form.buttons.append((it["name"], it.get("value", "")))
        elif it.get("type") not in ("checkbox", "radio"):
            form.fields.setdefault(it["name"], []).append(it.get("value", ""))
        elif "checked" in it:
            form.fields.setdefault(it["name"], []).append(it.get("value", "on"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = False
        elif tag == "select":
            self.select = ""


def forms_of(page: str) -> list[Form]:
    """Return a page's forms, in its order."""
    return Forms(page).found
