"""Words: what a page's script says, in the page's language."""

from __future__ import annotations

import gettext
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import get_language, override, to_locale

from chat import told

DOMAIN = "djangojs"


def for_page() -> dict[str, Any]:
    """Return what the page's script learns (`client/words.js`); in English nothing."""
    language = get_language() or settings.LANGUAGE_CODE
    return {} if language == settings.LANGUAGE_CODE else catalog(language)


@cache
def catalog(language: str) -> dict[str, Any]:
    """Return a language's catalog: translations by sentence, plural forms by the singular."""
    found = gettext.translation(DOMAIN, settings.LOCALE_PATHS[0], [to_locale(language)], fallback=True)
    words: dict[str, Any] = {}
    # The library lets nobody read a catalog but by asking for each sentence; Django's JavaScriptCatalog reads it so, too.
    for key, translation in sorted(vars(found).get("_catalog", {}).items(), key=str):
        if isinstance(key, tuple):
            words.setdefault(key[0], []).append(translation)
        elif key:
            words[key] = translation
    with override(language):
        return {"language": language, "words": words, "told": told.translations()}
