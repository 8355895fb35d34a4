"""Renew every language's catalogs from the source, and compile them: `python -m tests.words`."""

from __future__ import annotations

import sys

from tests.words import catalogs


def main() -> int:
    """Return how many sentences lack a translation."""
    missing = 0
    for domain, path in catalogs.files():
        catalog = catalogs.renewed(domain, catalogs.read(path))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(catalogs.written(catalog))
        path.with_suffix(".mo").write_bytes(catalogs.compiled(catalog))
        lacking = [message.id for message in catalog if message.id and not all(forms(message.string))]
        print(f"{path}: {len(catalog)} sentences, {len(lacking)} without a translation")
        missing += len(lacking)
    return int(missing > 0)


def forms(string: str | tuple[str, ...]) -> tuple[str, ...]:
    return (string,) if isinstance(string, str) else string


if __name__ == "__main__":
    sys.exit(main())
