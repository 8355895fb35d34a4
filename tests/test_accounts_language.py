"""Which language a page is in: the profile's, else the browser's, else English."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from chat.accounts.language import Language
from chat.models import Profile, Room

CHINESE = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}


@pytest.fixture(autouse=True)
def in_no_language() -> Iterator[None]:
    """Leave the next test no language: it stays with the thread."""
    yield
    translation.deactivate()


@pytest.fixture
def ada(db: None) -> User:
    user = User.objects.create(username="ada", is_staff=True, is_superuser=True)
    Profile.objects.create(user=user, name="Ada", skeleton="ada")
    return user


def speaks(user: User, language: str) -> Client:
    """Return a client of a user who has chosen a language."""
    Profile.objects.filter(user=user).update(language=language)
    client = Client()
    client.force_login(user)
    return client


def language_of(answer: HttpResponse) -> str:
    found = re.search(r'<html lang="([\w-]+)"', answer.content.decode())
    return found[1] if found else ""


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        (None, "en"),
        ("en-GB", "en"),
        ("zh-CN", "zh-hans"),
        ("zh", "zh-hans"),
        ("zh-Hans-CN,en;q=0.5", "zh-hans"),
        ("de,zh-CN;q=0.8,en;q=0.5", "zh-hans"),
        ("de,en;q=0.8,zh-CN;q=0.5", "en"),
        ("de,fr", "en"),
        ("*", "en"),
        ("x" * 1000, "en"),
        ("zh-CN;q=nonsense", "en"),
    ],
)
@pytest.mark.django_db
def test_a_stranger_reads_what_their_browser_asks_for(client: Client, wanted: str | None, language: str) -> None:
    answer = client.get("/accounts/sign-in/", headers={} if wanted is None else {"accept-language": wanted})
    assert language_of(answer) == answer["Content-Language"] == language
    assert "Accept-Language" in answer["Vary"]


@pytest.mark.django_db
def test_a_page_in_chinese_is_written_from_left_to_right_and_says_so(client: Client) -> None:
    page = client.get("/accounts/sign-in/", headers=CHINESE).content.decode()
    assert '<html lang="zh-hans" dir="ltr">' in page
    assert "<h1>登录</h1>" in page
    assert "用户名" in page, "Django's own label"


@pytest.mark.parametrize(
    ("chosen", "browser", "language"),
    [("zh-hans", "en", "zh-hans"), ("en", "zh-CN", "en"), ("", "zh-CN", "zh-hans"), ("tlh", "zh-CN", "zh-hans")],
)
def test_the_language_of_the_profile_goes_before_the_browsers(
    ada: User, chosen: str, browser: str, language: str
) -> None:
    answer = speaks(ada, chosen).get("/rooms/lobby", headers={"accept-language": browser})
    assert language_of(answer) == language


def test_who_has_no_profile_yet_reads_what_their_browser_asks_for(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create(username="new"))
    assert language_of(client.get("/rooms/", headers=CHINESE)) == "zh-hans"


def test_the_answer_to_another_language_is_in_that_one_already(ada: User) -> None:
    client = speaks(ada, "en")
    answer = client.post("/accounts/profile/", {"name": "Ada", "colour": 0, "language": "zh-hans"}, follow=True)
    assert "个人资料已保存。" in answer.content.decode()
    assert client.get("/accounts/profile/").content.decode().count('<option value="zh-hans" selected>简体中文') == 1


@pytest.mark.parametrize("path", ["/nowhere", "/nowhere/"])
@pytest.mark.django_db
def test_a_stranger_without_a_session_costs_no_query_in_any_language(
    client: Client, django_assert_num_queries: object, path: str
) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        answer = client.get(path, headers=CHINESE)
    assert "这里什么都没有" in answer.content.decode()


def test_a_page_of_somebody_signed_in_costs_no_query_more(ada: User, settings: object) -> None:
    counts = []
    for middleware in (settings.MIDDLEWARE, [it for it in settings.MIDDLEWARE if "Language" not in it]):  # type: ignore[attr-defined]
        settings.MIDDLEWARE = middleware  # type: ignore[attr-defined]
        client = speaks(ada, "zh-hans")
        with CaptureQueriesContext(connection) as asked:
            client.get("/rooms/lobby")
        counts.append(len(asked))
    assert counts[0] == counts[1]


def asked_by(user: object, **headers: str) -> HttpRequest:
    request = RequestFactory().get("/rooms/", headers=headers)
    request.COOKIES["sessionid"] = "some"
    request.user = user
    return request


def answered(request: HttpRequest) -> HttpResponse:
    return Language(lambda request: HttpResponse(translation.gettext("Rooms")))(request)


class Unreachable:
    """A user whose row cannot be read."""

    @property
    def profile(self) -> Profile:
        raise OperationalError("the database is down")


def test_while_the_database_is_down_the_browser_decides() -> None:
    answer = answered(asked_by(Unreachable(), **CHINESE))
    assert answer.content.decode() == "房间"
    assert answer["Content-Language"] == "zh-hans"


def test_a_session_that_has_run_out_is_nobodys() -> None:
    assert answered(asked_by(AnonymousUser(), **CHINESE)).content.decode() == "房间"


def test_a_host_that_is_not_allowed_is_told_in_the_readers_language(client: Client) -> None:
    answer = client.get("/", headers={**CHINESE, "host": "elsewhere.example"})
    assert answer.status_code == 400
    assert "<h1>无法理解此请求</h1>" in answer.content.decode()


@pytest.mark.parametrize("path", ["/api/v1/tokens", "/admin/login/", "/admin/nowhere/"])
@pytest.mark.django_db
def test_programs_and_operators_read_english(client: Client, path: str) -> None:
    answer = client.get(path, headers=CHINESE)
    assert answer["Content-Language"] == "en"
    assert not re.search("[一-龥]", answer.content.decode())


def test_the_api_does_not_look_who_asks_for_the_languages_sake(ada: User, django_assert_num_queries: object) -> None:
    client = speaks(ada, "zh-hans")
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert client.get("/api/v1/tokens").status_code == 405


def config_of(answer: HttpResponse) -> dict[str, object]:
    found = re.search(r'<script id="client-config"[^>]*>(.*?)</script>', answer.content.decode(), re.DOTALL)
    return json.loads(found[1]) if found else {}


def test_the_script_of_a_room_gets_its_words_and_what_is_refused_is_told_in_them(ada: User) -> None:
    told = config_of(speaks(ada, "zh-hans").get("/rooms/lobby"))
    assert told["words"]["language"] == "zh-hans"  # type: ignore[index]
    assert told["words"]["words"]["Connected"] == "已连接"  # type: ignore[index]
    assert told["words"]["told"]["This room keeps no messages."] == "此房间不保存消息。"  # type: ignore[index]
    assert told["bars"]["archived"]["owner"]["post"] == "此房间已归档：可以阅读，但不能再有任何改动。"  # type: ignore[index]


def test_in_english_no_page_has_a_catalog(ada: User) -> None:
    client = speaks(ada, "en")
    assert config_of(client.get("/rooms/lobby"))["words"] == {}
    assert config_of(client.get("/rooms/")) == {}
    assert config_of(speaks(ada, "zh-hans").get("/rooms/")).keys() == {"words"}


def test_a_refusal_is_a_page_in_the_readers_language(ada: User) -> None:
    Room.objects.create(slug="inner", title="Inner", kind="direct", guests=False, party="f" * 64)
    answer = speaks(ada, "zh-hans").get("/rooms/inner")
    assert answer.status_code == 403
    assert "<h1>此房间仅限成员。</h1>" in answer.content.decode()


def test_a_form_says_in_the_readers_language_what_is_wrong(ada: User) -> None:
    client = speaks(ada, "zh-hans")
    page = client.post("/accounts/profile/", {"name": "Server", "colour": 0}).content.decode()
    assert "名字不能以“Server”或与之相似的字符开头。" in page
    page = client.post("/accounts/profile/", {"name": "", "colour": 0}).content.decode()
    assert "应为 1 到 40 个字符，实际为 0 个。" in page
    page = client.post("/rooms/new/", {"title": "a\u200bb", "kind": "public", "posting": "everyone"}).content.decode()
    assert "应只含可见字符，实际含有 U+200B。" in page
