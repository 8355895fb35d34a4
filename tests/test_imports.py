"""The layering, held by the imports: downward only, no circle, one door to the channel layer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("chat", "chatsite")

# What each part of `chat` may import of the others; edges may import everything below and each other.
ALONE = (
    "cookie_names",
    "hashing_helper",
    "kept_key",
    "machine_time",
    "service_urls",
    "threads",
    "write_errors",
)  # They know nothing of ours.
BOTTOM = {"wire", "conf", *ALONE}
MIDDLE = {
    "peers",
    "readiness",
    "schema",
    "rooms",
    "broker",
    "broadcasts",
    "layers",
    "database",
    "look",
    "notes",
    "outage",
    "people",
    "locks",
    "unseen",
}
EDGES = {
    *(
        "api",
        "assets",
        "auth",
        "authority",
        "consumers",
        "cookies",
        "conversation",
        "reading",
        "jwks",
        "tokens",
        "tickets",
        "session_store",
        "sessions",
        "signing",
        "static_files",
        "writes",
        "doors",
        "acting",
        "namesakes",
        "personal",
        "told",
        "views",
        "words",
        "urls",
        "routing",
        "origins",
        "proxies",
        "bodies",
        "throttle",
        "busy",
        "hashing",
        "messages",
        "old_cookies",
        "places",
        "requests",
    ),
    *("health", "admin", "templatetags", "management", "migrations", "node", "ticker", "runner", "links", "checks"),
    *("accounts", "apps", "csrf", "endings", "hosts", "own_data", "pages", "set_up", "site"),
}
MAY_IMPORT: dict[str, set[str]] = {
    "wire": {"wire"},
    **dict.fromkeys(ALONE, set[str]()),
    "conf": {"kept_key", "service_urls", "wire"},
    "live": {"live", *BOTTOM},
    "models": {"models", *BOTTOM},
    **dict.fromkeys(MIDDLE, {*MIDDLE, "models", "live", *BOTTOM}),
    **dict.fromkeys(EDGES, {*EDGES, *MIDDLE, "models", "live", *BOTTOM}),
}

# Imports inside functions, each with its reason.
INSIDE_FUNCTIONS = {
    ("chat/apps.py", "chat.checks"): "checks register themselves, and need the settings, when Django is ready",
    ("chat/apps.py", "chat.endings"): "it needs the models, when Django is ready",
    ("chat/service_urls.py", "redis.asyncio.connection"): "a process without REDIS_URL starts without it, in less time",
    ("chatsite/embedded.py", "fcntl"): "Windows has none",
    ("chatsite/files.py", "resource"): "Windows has none",
    ("chatsite/servers/__init__.py", "chatsite.servers.daphne"): "importing daphne makes an event loop",
    ("chatsite/servers/__init__.py", "chatsite.servers.uvicorn"): "uvicorn may not be the server, nor be there",
}


@cache
def modules() -> dict[str, Path]:
    """Return the project's modules by dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imported(node: ast.AST) -> Iterator[str]:
    """Yield what an import statement imports: of `from chat import node` that is chat.node."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports are not used here"
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            yield whole if whole in modules() else str(node.module)


@cache
def imports(name: str) -> frozenset[str]:
    return frozenset(target for node in ast.walk(tree(modules()[name])) for target in imported(node))


def part(name: str) -> str:
    """Return the part of `chat` that a module belongs to."""
    return name.split(".")[1] if "." in name else ""


def inside_functions(path: Path) -> Iterator[str]:
    for function in ast.walk(tree(path)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(function):
                yield from imported(node)


PARTS = sorted(name for name in modules() if name.startswith("chat."))


def test_the_modules_are_found_and_every_part_of_chat_has_its_place() -> None:
    assert {"chat.wire.json", "chat.live.hub", "chat.models.room", "chatsite.asgi"} <= modules().keys()
    assert {part(name) for name in PARTS} <= MAY_IMPORT.keys()


@pytest.mark.parametrize("name", PARTS)
def test_imports_go_downward_only(name: str) -> None:
    allowed = MAY_IMPORT[part(name)]
    for target in sorted(imports(name)):
        if target.startswith("chat."):
            assert part(target) in allowed, f"{name} imports {target}"
        assert target.split(".")[0] != "chatsite", f"{name} imports {target}: chat knows nothing of its wiring"


@pytest.mark.parametrize("name", [name for name in PARTS if part(name) in ("wire", "live")])
def test_the_wire_and_the_live_half_know_nothing_of_django(name: str) -> None:
    forbidden = {
        "django",
        "channels",
        "channels_redis",
        "daphne",
        "uvicorn",
        *(["asyncio"] if part(name) == "wire" else []),
    }
    assert not forbidden & {target.split(".")[0] for target in imports(name)}


@pytest.mark.parametrize("name", [name for name in PARTS if part(name) == "models"])
def test_the_models_know_nothing_of_the_event_loop(name: str) -> None:
    assert not {"asyncio", "channels"} & {target.split(".")[0] for target in imports(name)}


def test_no_modules_import_each_other_in_a_circle() -> None:
    def at_the_top(name: str) -> set[str]:
        inside = set(inside_functions(modules()[name]))
        return {target for target in imports(name) if target in modules() and target not in inside}

    # Raises CycleError, which names the circle.
    assert set(TopologicalSorter({name: at_the_top(name) for name in modules()}).static_order()) == modules().keys()


def test_imports_inside_functions_are_those_that_have_a_reason() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), target) for path in modules().values() for target in inside_functions(path)
    }
    assert found == INSIDE_FUNCTIONS.keys()


SENDS = re.compile(r"\bgroup_send\(|\b(?:channel_)?layer\.send\(")


def test_only_the_broker_sends_to_the_channel_layer() -> None:
    senders = {
        path.relative_to(ROOT).as_posix()
        for path in [*modules().values(), ROOT / "manage.py"]
        for line in path.read_text("utf-8").splitlines()
        if SENDS.search(line) and "async def group_send(" not in line
    }
    assert senders == {"chat/broker.py"}
    assert len(SENDS.findall((ROOT / "chat/broker.py").read_text("utf-8"))) == 1


@pytest.mark.parametrize("name", sorted(modules()))
def test_no_module_is_a_drawer_for_everything(name: str) -> None:
    assert not {"utils", "util", "helpers", "common", "misc", "services", "manager"} & set(name.split("."))


@pytest.mark.parametrize("name", sorted(name for name in modules() if "migrations" not in name))
def test_every_module_says_what_it_is_and_has_annotations_from_the_future(name: str) -> None:
    path = modules()[name]
    if path.name == "__init__.py" and not path.read_text("utf-8").strip():
        return
    assert ast.get_docstring(tree(path)), f"{path} has no docstring"
    assert path.name == "__init__.py" or "__future__" in imports(name), f"{path} lacks its line from __future__"
