"""The version of all static files, and their compressed forms."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import brotli
import pytest
from django.conf import settings
from django.templatetags.static import static

from chat import assets
from chat.assets import Asset, Assets

ROOT = Path(__file__).resolve().parent.parent
FILES = {"chat/main.js": b"export const x = 1;\n" * 50, "chat/a.css": b"a {}", "admin/b.svg": b"<svg/>"}

OTHERS = {
    "a byte": {**FILES, "chat/a.css": b"b {}"},
    "a name": {**{name: it for name, it in FILES.items() if name != "chat/a.css"}, "chat/b.css": b"a {}"},
    "one more, empty": {**FILES, "chat/empty.js": b""},
    "one less": {name: it for name, it in FILES.items() if name != "admin/b.svg"},
    "the border of two files": {**FILES, "chat/a.css": b"a {}x", "admin/b.svg": b"<svg/"},
    "the border of name and bytes": {**FILES, "chat/a.cssa": b" {}"},
    "two that change places": {**FILES, "chat/a.css": b"<svg/>", "admin/b.svg": b"a {}"},
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_set_of_files_is_another_version(case: str) -> None:
    assert Assets(OTHERS[case]).version != Assets(FILES).version


def test_the_same_files_are_one_version_whatever_their_order() -> None:
    assert Assets(dict(reversed(FILES.items()))).version == Assets(FILES).version
    assert re.fullmatch("[0-9a-f]{12}", Assets(FILES).version)


def test_all_files_of_all_applications_are_there_the_admins_too() -> None:
    found = assets.installed().files
    assert {"chat/main.js", "chat/client/client.js", "chat/admin/admin.css", "admin/css/base.css"} <= found.keys()
    assert found["chat/main.js"].plain.body == (ROOT / "chat/static/chat/main.js").read_bytes()


def test_an_editors_leftovers_make_no_other_version(tmp_path: Path, settings: object) -> None:
    before = Assets({name: it.plain.body for name, it in assets.installed().files.items()}).version
    (tmp_path / ".main.js.swp").write_text("x")
    (tmp_path / "main.js~").write_text("x")
    settings.STATICFILES_DIRS = [tmp_path]  # type: ignore[attr-defined]
    settings.STATICFILES_FINDERS = [  # type: ignore[attr-defined]
        "django.contrib.staticfiles.finders.FileSystemFinder",
        "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    ]
    assert assets.installed.__wrapped__().version == before
    (tmp_path / "another.js").write_text("x")
    assert assets.installed.__wrapped__().version != before


def test_every_address_of_a_file_has_the_version() -> None:
    version = assets.installed().version
    assert settings.STATIC_URL == f"/static/{version}/"
    assert static("admin/js/core.js") == f"/static/{version}/admin/js/core.js"


@pytest.mark.parametrize(("coding", "back"), [("br", brotli.decompress), ("gzip", gzip.decompress)])
def test_a_form_is_made_once_gives_the_file_back_and_has_a_tag_of_its_own(coding: str, back: object) -> None:
    asset = Asset("main.js", FILES["chat/main.js"])
    assert asset.forms == {}, "starting takes no time for compressing"
    form = asset.form([coding])
    assert back(form.body) == asset.plain.body and len(form.body) < len(asset.plain.body)  # type: ignore[operator]
    assert asset.form([coding]) is form and form.etag != asset.plain.etag
    assert Asset("main.js", FILES["chat/main.js"]).form([coding]) == form, "on every server the same"


@pytest.mark.parametrize("content", [b"", b"a {}", os.urandom(4000)], ids=["empty", "tiny", "noise"])
@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_what_does_not_become_smaller_is_sent_as_it_is(content: bytes, coding: str) -> None:
    asset = Asset("a.png", content)
    assert asset.form([coding]) is asset.plain


TYPES = {
    "a.js": "text/javascript; charset=utf-8",
    "a.css": "text/css; charset=utf-8",
    "a.svg": "image/svg+xml",
    "a.json": "application/json",
    "a.webmanifest": "application/manifest+json",
    "a.png": "image/png",
    "LICENSE": "application/octet-stream",
}


@pytest.mark.parametrize("name", TYPES)
def test_a_files_type_is_its_names_whatever_the_machine_says(name: str) -> None:
    assert Asset(name, b"").content_type == TYPES[name]


# Prints how many compressed forms were made by then.
LAZY = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
from chat import assets
print("forms", sum(len(it.forms) for it in assets.installed().files.values()))
"""


@pytest.mark.parametrize("arguments", [["check"], ["migrate", "-v0"]], ids=["check", "migrate"])
def test_commands_compress_nothing(tmp_path: Path, arguments: list[str]) -> None:
    environ = {**os.environ, "CHAT_VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "chatsite.settings"}
    done = subprocess.run(
        [sys.executable, "-c", LAZY, *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "forms 0", done.stdout + done.stderr


def test_in_debug_mode_addresses_have_no_version_and_files_are_found_anew(tmp_path: Path) -> None:
    environ = {**os.environ, "CHAT_VAR_DIR": str(tmp_path), "DEBUG": "1", "DJANGO_SETTINGS_MODULE": "chatsite.settings"}
    script = """
import django; django.setup()
from django.conf import settings
from django.templatetags.static import static
print(static("chat/main.js"), settings.SERVESTATIC_AUTOREFRESH, any("ServeStatic" in it for it in settings.MIDDLEWARE))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "/static/chat/main.js True True", done.stdout + done.stderr
