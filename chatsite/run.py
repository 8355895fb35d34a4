"""What `make run` runs: the server, at an address that is printed."""

from __future__ import annotations

import os
import sys

from chat.links import bracketed, links, own_names

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
EVERYWHERE = ("0.0.0.0", "::")


def main() -> None:
    """Replace this process by daphne; a HOST that others can reach lets the machine's own names in."""
    host, port = os.environ.get("HOST") or LOOPBACK[1], os.environ.get("PORT") or "8080"
    if not port.isdigit() or not 0 < int(port) < 65536:
        sys.exit(f"chatsite: PORT={port!r} makes no sense: expected a number from 1 to 65535.")
    names = own_names() if host in EVERYWHERE else [host]
    allowed = list(dict.fromkeys([*LOOPBACK, *map(bracketed, names)]))
    os.environ.setdefault("ALLOWED_HOSTS", ",".join(allowed))
    found = links(host, int(port), os.environ["ALLOWED_HOSTS"].split(","))
    for link in found:
        print(f"chatsite: {link}", flush=True)
    os.environ.update({"CHATSITE_AT": found[0].rstrip("/")} if found else {})
    command = [sys.executable, "-m", "daphne", "-b", host, "-p", port, "chatsite.asgi:application"]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main()
