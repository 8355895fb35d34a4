"""Origins: what a browser says of the page that opens a connection, and patterns that let some of them in."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

import idna

DEFAULT_PORTS = {"http": 80, "https": 443}
# What a page's scheme is where a request's is the one on the left.
SCHEMES = {"ws": "http", "wss": "https", "http": "http", "https": "https"}
# ASCII only, as browsers write them (RFC 6454, section 6.2): no user, path, query, leading zeros or empty port.
ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]{0,31})://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>0|[1-9][0-9]{0,4}))?",
    re.IGNORECASE | re.ASCII,  # without the second, ſ and the Kelvin sign are letters of a-z
)
PATTERN = re.compile(
    r"(?P<scheme>[^:/?#@]*)://(?P<wild>\*\.)?(?P<host>\[[^\]]*\]|[^:/?#@\[\]]*)(?::(?P<port>[^/?#@]*))?(?P<rest>.*)"
)
# Apps have origins of their own (capacitor://localhost, chrome-extension://ID), without a port. By these schemes pages
# have none that tells them from each other, or they are no pages'.
NO_PORT = 0
NO_ORIGIN = frozenset({"about", "blob", "data", "file", "filesystem", "ftp", "javascript", "view-source", "ws", "wss"})
APP_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,31}")
APP_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\.")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# A host whose last label is a number is an IPv4 address, which browsers send as four (URL standard, section 3.5).
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
MAX_HOST = 253  # RFC 1035, section 2.3.4, without the root's dot


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port, as RFC 6454 compares them."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """Return it as an operator reads it: with its port, also where a browser leaves that out."""
        return f"{self.scheme}://{bracketed(self.host)}" + (f":{self.port}" if self.port != NO_PORT else "")

    @property
    def netloc(self) -> str:
        """Return host and port as a browser writes them into Host, without the scheme's default port."""
        return f"{bracketed(self.host)}{written(self.port, self.scheme)}"

    @property
    def sent(self) -> str:
        """Return it as a browser writes it into Origin."""
        return f"{self.scheme}://{self.netloc}"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One origin, or with `wild` those of every subdomain of a host, but not of the host itself."""

    scheme: str
    host: str
    port: int
    wild: bool = False

    def matches(self, origin: Origin) -> bool:
        if (origin.scheme, origin.port) != (self.scheme, self.port):
            return False
        return origin.host.endswith(f".{self.host}") if self.wild else origin.host == self.host

    def __str__(self) -> str:
        """Return it as it is stored: as a browser writes an origin, without the scheme's usual port."""
        port = written(self.port, self.scheme)
        return f"{self.scheme}://{'*.' if self.wild else ''}{bracketed(self.host)}{port}"


def parse(text: str) -> Origin:
    """Return the origin that a browser sent.

    Raises: ValueError where it is `null`, of a scheme without origins, or holds more than scheme, host and port.
    """
    found = ORIGIN.fullmatch(text)
    if found is None or len(found["host"]) > MAX_HOST + 1 or found["scheme"].lower() in NO_ORIGIN:
        raise ValueError(f"expected http://host[:port], https://host[:port] or an app's, got {text[:200]!r}")
    scheme, host = found["scheme"].lower(), found["host"].lower()
    if host.startswith("["):
        host = str(ipaddress.IPv6Address(host[1:-1]))
    elif not all(host.removesuffix(".").split(".")) and (
        host != "." or scheme in DEFAULT_PORTS
    ):  # app://. is Electron's
        raise ValueError(f"expected a host of labels with dots between them, got {text[:200]!r}")
    return Origin(scheme, host, read_port(found["port"], scheme))


def named_by(scheme: str, host: str) -> Origin:
    """Return the origin that a request names by its scheme, of HTTP or of WebSocket, and its Host.

    Raises: ValueError.
    """
    return parse(f"{SCHEMES.get(scheme, scheme)}://{host}")


def parse_pattern(text: str) -> Pattern:
    """Return what an operator wrote as a pattern; a name in other letters becomes what browsers send (UTS 46).

    Raises: ValueError, which says what was expected and what came.
    """
    found = PATTERN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"Expected https://host or https://host:port, but {text!r} came.")
    scheme = found["scheme"].lower()
    if scheme not in DEFAULT_PORTS and not is_app(scheme):
        raise ValueError(
            f"Expected http:// or https:// at the beginning, or an app's like capacitor://, but {scheme + '://'!r} came."
        )
    if found["rest"]:
        raise ValueError(f"Expected only scheme, host and port, but {found['rest']!r} came after them.")
    if found["port"] is not None and not re.fullmatch(r"0|[1-9][0-9]{0,4}", found["port"], re.ASCII):
        raise ValueError(f"Expected a port from 1 to 65535, but {found['port']!r} came.")
    wild = found["wild"] is not None
    host = read_app(found["host"], wild) if is_app(scheme) else read_host(found["host"], wild)
    return Pattern(scheme, host, read_port(found["port"], scheme), wild)


def read_port(text: str | None, scheme: str) -> int:
    """Return a port. Raises: ValueError."""
    if text is None:
        return DEFAULT_PORTS.get(scheme, NO_PORT)
    port = int(text)
    if not 0 < port < 65536:
        raise ValueError(f"Expected a port from 1 to 65535, but {port} came.")
    return port


def written(port: int, scheme: str) -> str:
    """Return a port as a browser writes it: the usual one of its scheme is left out."""
    return "" if port == DEFAULT_PORTS.get(scheme, NO_PORT) else f":{port}"


def is_app(scheme: str) -> bool:
    """Tell whether a scheme is one that apps and extensions have for their pages."""
    return scheme not in DEFAULT_PORTS and scheme not in NO_ORIGIN and APP_SCHEME.fullmatch(scheme) is not None


def read_app(text: str, wild: bool) -> str:
    """Return what an app's origin has for a host. Raises: ValueError."""
    host = text.lower()
    if wild or not APP_HOST.fullmatch(host) or len(host) > MAX_HOST:
        raise ValueError(
            f"Expected an app's origin exactly, without *, like capacitor://localhost, but {'*.' * wild + text!r} came."
        )
    return host


def read_host(text: str, wild: bool) -> str:
    """Return a pattern's host in the form that browsers send. Raises: ValueError."""
    if "*" in text:
        raise ValueError(f"Expected no * but one as the first label, like https://*.example.com, but {text!r} came.")
    host = read_ipv6(text) if text.startswith("[") else read_name(text)
    if wild and (is_address(host) or ("." not in host and host != "localhost")):
        raise ValueError(
            f"Expected a domain of two labels or more after *., but {text!r} came: too many could have a name under it."
        )
    return host


def read_ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text[1:-1])
    except ValueError:
        raise ValueError(f"Expected an IPv6 address in brackets, but {text!r} came.") from None
    if address.scope_id is not None:
        raise ValueError(f"Expected an IPv6 address without a zone, but {text!r} came: no browser sends one.")
    return str(address)


def read_name(text: str) -> str:
    try:
        host = text.lower() if text.isascii() else idna.encode(text, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"Expected a host name, but {text!r} came: {error}.") from None
    if host.endswith("."):
        raise ValueError(
            f"Expected a host without a dot at its end, but {text!r} came: browsers hold that for another host."
        )
    if len(host) > MAX_HOST or not all(LABEL.fullmatch(label) for label in host.split(".")):
        raise ValueError(f"Expected a host name or an IP address, but {text!r} came.")
    last = host.rpartition(".")[2]
    if NUMBER.fullmatch(last) and not is_address(host):
        raise ValueError(f"Expected an IPv4 address of four numbers, but {text!r} came.")
    return host


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
