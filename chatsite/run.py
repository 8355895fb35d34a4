"""What `make run` runs: the server, at an address that is printed."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from chat.links import bracketed, links, own_names

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
EVERYWHERE = ("0.0.0.0", "::")


def main(arguments: Sequence[str] | None = None) -> None:
    """Replace this process by daphne; a host that others can reach lets the machine's own names in.

    Host and port come as arguments only: shells, conda and platforms set HOST and PORT for purposes of their own.
    """
    parser = ArgumentParser(prog="chatsite.run", allow_abbrev=False)
    parser.add_argument("--host", default="")
    parser.add_argument("--port", default="")
    given = parser.parse_args(arguments)
    host, port = given.host.strip("[] ") or LOOPBACK[1], given.port or "8080"
    if not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
        sys.exit(f"chatsite: PORT={port!r} makes no sense: expected a number from 1 to 65535.")
    names = own_names() if host in EVERYWHERE else [host]
    allowed = list(dict.fromkeys([*LOOPBACK, *map(bracketed, names)]))
    # An empty value is none, as for every variable: environment files hold such lines.
    os.environ["ALLOWED_HOSTS"] = os.environ.get("ALLOWED_HOSTS", "").strip() or ",".join(allowed)
    found = links(host, int(port), [name.strip() for name in os.environ["ALLOWED_HOSTS"].split(",")])
    print(f"chatsite: listening at {bracketed(host)}:{port}", flush=True)
    for link in found:
        print(f"chatsite: {link}", flush=True)
    os.environ.update({"CHATSITE_AT": found[0].rstrip("/")} if found else {})
    command = [sys.executable, "-m", "daphne", "-b", host, "-p", port, "chatsite.asgi:application"]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main()
