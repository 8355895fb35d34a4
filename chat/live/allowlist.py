"""The allow-list: whose pages may connect beside the site's own, as the last look found it."""

from __future__ import annotations

from collections.abc import Collection

from chat.wire.origins import Origin, Pattern


class AllowList:
    """Patterns of origins; replaced whole. Empty until the first look: nobody is let in by what is not known."""

    def __init__(self) -> None:
        self.patterns: frozenset[Pattern] = frozenset()
        self.wild: tuple[Pattern, ...] = ()

    def replace(self, patterns: Collection[Pattern]) -> None:
        self.patterns = frozenset(patterns)
        self.wild = tuple(pattern for pattern in patterns if pattern.wild)

    def lets_in(self, origin: Origin) -> bool:
        exact = Pattern(origin.scheme, origin.host, origin.port)
        return exact in self.patterns or any(pattern.matches(origin) for pattern in self.wild)
