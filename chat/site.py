"""The site: which origins are its own, and the address that its links begin with."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from chat.wire.origins import Origin, named_by, parse

# Longer ones lead nowhere: each would be kept with the form that it came in.
MAX_ADDRESS = 4096


def stated() -> Origin | None:
    """Return the origin of SITE_URL, None where it is not set."""
    return parse(settings.CHAT.site_url) if settings.CHAT.site_url else None


def requested(request: HttpRequest) -> Origin:
    """Return the origin that a request names. Raises: ValueError where its Host is not this site's."""
    try:
        return named_by(str(request.scheme), request.get_host())
    except DisallowedHost as error:
        raise ValueError(str(error)) from None


def is_own(request: HttpRequest, origin: Origin) -> bool:
    """Tell whether pages of an origin are this site's own: it is the request's, or that of SITE_URL."""
    return origin in (requested(request), stated())


def from_own_page(request: HttpRequest) -> bool:
    """Tell whether the browser says that a page of this site sent the request: no other page can make it say so."""
    came = request.headers.get("Origin")
    try:
        return came is not None and is_own(request, parse(came))
    except ValueError:
        return False


def address(request: HttpRequest) -> str:
    """Return the site's address without a slash at its end: SITE_URL, else as the request names it."""
    return settings.CHAT.site_url or f"{request.scheme}://{request.get_host()}"


def absolute(request: HttpRequest, path: str) -> str:
    """Return the address of a path of this site."""
    return f"{address(request)}{path}"


def within(request: HttpRequest, url: str) -> str:
    """Return an address of this site as its path; any other address as it is, and nothing of one that is too long."""
    if len(url) > MAX_ADDRESS:
        return ""
    try:
        parts = urlsplit(url)
        if not parts.netloc or not is_own(request, named_by(parts.scheme or str(request.scheme), parts.netloc)):
            return url
    except ValueError:
        return url
    path = parts._replace(scheme="", netloc="").geturl()
    return path if path.startswith("/") and not path.startswith("//") else "/"
