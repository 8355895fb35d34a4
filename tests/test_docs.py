"""The pages say what the code does: settings, checks, codes, envelopes, constants, commands, links."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chat import conf
from chat.wire import json
from chat.wire.codes import CLOSES, Error
from chat.wire.events import Person

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "bench/README.md", ROOT / "deploy/README.md"])
OWN = [
    *PAGES,
    ROOT / "LICENSE",
    ROOT / ".editorconfig",
    ROOT / ".pre-commit-config.yaml",
    *ROOT.glob(".github/**/*.yml"),
]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
RECORDS = sorted((DOCS / "adr").glob("[0-9]*.md"))
# In pieces, so that this file does not name them either: places of whoever wrote a page, and hosts of registries.
PLACES = ("/" + "work", "../" + "shared", "/" + "root/", "/" + "home/")
REGISTRIES = ("pypi" + ".", "python" + "hosted", "npm" + "js", "proxy." + "golang")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def names_of(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def rows(text: str) -> list[list[str]]:
    """Return the cells of a page's table rows, without heads and rules."""
    lines = text.splitlines()
    heads = {number - 1 for number, line in enumerate(lines) if re.match(r"\|[ :-]+\|[ :|-]*$", line)}
    found = [line for number, line in enumerate(lines) if line.startswith("|") and number not in heads]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in found if not re.match(r"\|[ :-]+\|", line)
    ]


def section(text: str, title: str) -> str:
    """Return what stands under a heading, up to the next one of its rank or above."""
    rank, _, rest = text.partition(f" {title}\n")
    assert rest, f"there is no section {title!r}"
    hashes = rank.rpartition("\n")[2]
    return re.split(rf"^#{{1,{len(hashes)}}} ", rest, flags=re.MULTILINE)[0]


def literal(cell: str) -> str | None:
    """Return what stands in a cell that is one piece of code, else None."""
    found = re.fullmatch(r"`([^`]+)`", cell)
    return found[1] if found else None


def first_codes(text: str) -> list[str]:
    """Return the first cells of tables."""
    return [row[0].strip("`") for row in rows(text)]


@cache
def sources() -> list[tuple[Path, ast.Module]]:
    paths = [path for folder in ("chat", "chatsite") for path in sorted((ROOT / folder).rglob("*.py"))]
    return [(path, ast.parse(path.read_text("utf-8"))) for path in paths]


def strings(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


# Configuration


def variables_read(path: str) -> set[str]:
    """Return what looks like a variable's name among the arguments of calls and in subscripts."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("text", "flag", "number", "items", "get"):
                found.add(str(node.args[0].value))
    return found


def settings_rows() -> dict[str, list[str]]:
    return {row[0].strip("`"): row for row in rows(page("configuration.md")) if not row[0].startswith("`chat.")}


def test_every_variable_stands_in_its_page_and_the_page_names_no_other():
    assert variables_read("chat/conf.py") >= {"SECRET_KEY", "CHAT_VAR_DIR", "CHAT_MAX_ROOMS"}
    assert set(settings_rows()) == variables_read("chat/conf.py")


def test_no_page_names_a_variable_that_is_not_read():
    known = set(settings_rows())
    for path in PAGES:
        named = set(re.findall(r"\bCHAT_[A-Z_]+\b", path.read_text("utf-8")))
        assert named <= known, path.name


FROM_CONF = [name for name in settings_rows() if name != "CHAT_VAR_DIR"]


@pytest.mark.parametrize("name", FROM_CONF)
def test_a_default_is_what_the_page_says(name: str, tmp_path: Path):
    place = {"CHAT_VAR_DIR": str(tmp_path)}
    default = literal(settings_rows()[name][1])
    if default is not None:
        assert conf.read({**place, name: default}) == conf.read(place)
    else:
        assert re.match(r"empty|made at|`1` without|`chatsite.sqlite3` in", settings_rows()[name][1])


RANGES = {name: row[2].split(" to ") for name, row in settings_rows().items() if re.fullmatch(r"[\d.]+ to \d+", row[2])}


@pytest.mark.parametrize("name", sorted(set(RANGES) - {"PORT"}))
def test_a_range_is_what_the_page_says(name: str, tmp_path: Path):
    least, most = RANGES[name]
    place = {"CHAT_VAR_DIR": str(tmp_path)}
    for inside in (least, most):
        conf.read({**place, name: inside})
    below = f"{float(least) - 0.05:g}" if "." in least else str(int(least) - 1)
    for outside in (below, str(int(most) + 1)):
        with pytest.raises(conf.BadSetting, match=name):
            conf.read({**place, name: outside})


def test_every_check_stands_in_the_page_and_the_page_names_no_other():
    raised = {
        found for _, tree in sources() for text in strings(tree) for found in re.findall(r"chat\.[EW]\d{3}", text)
    }
    assert set(re.findall(r"chat\.[EW]\d{3}", page("configuration.md"))) == raised


# The wire


def test_every_error_code_stands_in_the_protocol_and_the_page_names_no_other():
    assert sorted(first_codes(section(page("protocol.md"), "Errors"))) == sorted(error.value for error in Error)


def test_every_key_of_an_error_stands_in_the_protocol_and_the_page_says_each_in_words():
    used = {
        key
        for path in (ROOT / "chat").rglob("*.py")
        for key in re.findall(r'key="(\w+\.\w+)"', path.read_text("utf-8"))
    }
    said = re.findall(
        r'^  "(\w+\.\w+)": later\(', (ROOT / "chat/static/chat/client/errors.js").read_text("utf-8"), re.MULTILINE
    )
    assert sorted(first_codes(section(page("protocol.md"), "Keys"))) == sorted(used) == sorted(said)


def close_rows() -> dict[int, list[str]]:
    return {int(row[0]): row for row in rows(section(page("protocol.md"), "Closes"))}


def test_every_close_code_stands_in_the_protocol_with_its_name():
    for close in CLOSES:
        assert close_rows()[close.code][1] == f"`{close.name}`"


def test_a_close_code_is_reserved_exactly_where_nothing_sends_it():
    imported = {
        alias.name
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "chat.wire.codes"
        for alias in node.names
    }
    from chat.wire import codes

    sent = {close.code for name, close in vars(codes).items() if close in CLOSES and name in imported}
    ours = {code: row for code, row in close_rows().items() if code >= 4000}
    assert {code for code, row in ours.items() if "reserved" not in row[2]} == {code for code in sent if code >= 4000}


def said_by_the_server() -> set[str]:
    """Return the types of the envelopes that the code makes."""
    found = set()
    for _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in ("envelope", "answer"):
                    found.add(str(node.args[0].value))
    return found


def test_every_envelope_of_a_client_stands_in_the_protocol_and_is_reserved_where_it_is_unsupported():
    table = {row[0].strip("`"): row for row in rows(section(page("protocol.md"), "Client to server"))}
    assert set(table) == set(json._payloads) | json.UNSUPPORTED
    assert {kind for kind, row in table.items() if row[1] == "reserved"} == json.UNSUPPORTED


def test_every_envelope_of_the_server_stands_in_the_protocol_and_is_reserved_where_none_is_said():
    table = {row[0].strip("`"): row for row in rows(section(page("protocol.md"), "Server to client"))}
    assert said_by_the_server() >= {"welcome", "ack", "error", "message", "broadcast", "closing", "ping", "pong"}
    assert {kind for kind, row in table.items() if row[1] != "reserved"} == said_by_the_server()


def test_every_field_on_the_wire_stands_in_the_protocol():
    structs: list[Any] = [decoder.type for decoder in json._payloads.values()]
    structs += [json.MessagePayload, json.BroadcastPayload, Person]
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", page("protocol.md")))))
    for struct in structs:
        fields = {field.encode_name for field in msgspec.structs.fields(struct)}
        assert fields <= words, struct.__name__


def test_the_subprotocol_and_the_features_stand_in_the_protocol():
    for word in (json.SUBPROTOCOL, *json.FEATURES):
        assert f"`{word}`" in page("protocol.md")


# Constants, servers


def number(node: ast.expr | None) -> float | None:
    """Return the value of a number or of a product of numbers."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = number(node.left), number(node.right)
        return left * right if left is not None and right is not None else None
    return None


@cache
def constants() -> set[tuple[str, float]]:
    return {
        (node.targets[0].id, value)
        for _, tree in sources()
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if (value := number(node.value)) is not None
    }


@pytest.mark.parametrize("path", names_of(PAGES))
def test_a_constant_that_a_page_quotes_has_that_value(path: str):
    for name, value in re.findall(r"`([A-Z_]{4,}) = ([\d._ *]+)`", (ROOT / path).read_text("utf-8")):
        assert (name, number(ast.parse(value, mode="eval").body)) in constants(), f"{name} = {value}"


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_the_versions_that_were_tried_stand_in_the_page_of_servers(server: str):
    source = (ROOT / f"chatsite/servers/{server}.py").read_text("utf-8")
    found = re.search(r"^TESTED = \((\d+), (\d+)\)$", source, re.MULTILINE)
    assert found and [server, f"{found[1]}.{found[2]}"] in [row[:2] for row in rows(page("servers.md"))]


# Commands, links, places


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("path", names_of(PAGES))
def test_every_make_target_that_a_page_names_exists(path: str):
    text = (ROOT / path).read_text("utf-8")
    in_code = re.findall(r"`make ([a-z]+)", text) + re.findall(r"^ {4}(?:CI=true )?make ([a-z]+)", text, re.MULTILINE)
    assert set(in_code) <= targets()


def test_the_readme_has_every_make_target_and_management_command():
    commands = first_codes(section((ROOT / "README.md").read_text("utf-8"), "Commands"))
    assert {name.removeprefix("make ") for name in commands if name.startswith("make ")} == targets()
    ours = {path.stem for path in (ROOT / "chat/management/commands").glob("[a-z]*.py")}
    assert {f"python manage.py {name}" for name in ours} <= set(commands)


def anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", names_of(PAGES))
def test_every_relative_link_leads_somewhere(path: str):
    text = (ROOT / path).read_text("utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        place, _, anchor = link.partition("#")
        if "://" in place:
            continue
        target = (ROOT / path).parent / place if place else ROOT / path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text("utf-8")), link


@pytest.mark.parametrize("path", names_of(PAGES))
def test_every_file_of_the_project_that_a_page_names_exists(path: str):
    text = (ROOT / path).read_text("utf-8")
    for name in re.findall(r"\b((?:chat|chatsite|docs|tests|requirements)/[\w/.-]+\.(?:py|md|txt|json|js))\b", text):
        assert any(ROOT.glob(name)) or any(ROOT.glob(f"chat/static/{name}")), name


@pytest.mark.parametrize("path", names_of(OWN))
def test_no_page_names_a_writers_place_or_a_registry(path: str):
    text = (ROOT / path).read_text("utf-8")
    for word in PLACES:
        assert not re.search(rf"(?<![\w.:]){re.escape(word)}(?![\w-])", text), word
    for word in REGISTRIES:
        assert word not in text, word


# Requirements, records


@pytest.mark.parametrize("path", names_of(LOCKS))
def test_locked_requirements_have_hashes_and_no_address(path: str):
    text = (ROOT / path).read_text("utf-8")
    assert "://" not in text and "http" not in re.sub(r"^httptools|^httpx|^httpcore", "", text, flags=re.MULTILINE)
    requirements = text.replace("\\\n", " ").splitlines()
    assert len(requirements) > 20
    for line in requirements:
        assert re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==\S+( ; [^;]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", line), line[
            :80
        ]


def test_the_record_of_dependencies_names_each_of_them():
    record = (DOCS / "adr/0005-dependencies.md").read_text("utf-8")
    for path in sorted((ROOT / "requirements").glob("*.in")):
        for line in path.read_text("utf-8").splitlines():
            if not line.startswith("-r"):
                name = re.split(r"[\[<>=;! ]", line)[0]
                assert f"`{name}`" in record, name


def test_records_are_numbered_without_a_gap_and_listed():
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))
    listed = re.findall(r"\]\((\d{4}[^)]+)\)", page("adr/README.md"))
    assert listed == [path.name for path in RECORDS]


@pytest.mark.parametrize("path", names_of(RECORDS))
def test_a_record_has_its_parts_and_is_short(path: str):
    text = (ROOT / path).read_text("utf-8")
    assert text.startswith(f"# {int(Path(path).name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Status", "Context", "Decision", "Consequences"]
    assert 20 <= len(text.splitlines()) <= 45
