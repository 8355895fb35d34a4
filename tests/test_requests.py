"""Requests: bodies before a place, answers after it, and 503 with words where there is none."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chat import requests
from chat.places import Places
from chat.requests import Requests, kind_of


def scope(path: str = "/", method: str = "GET", language: str = "", address: str = "192.0.2.1") -> dict[str, Any]:
    headers = [(b"accept-language", language.encode())] if language else []
    return {"type": "http", "method": method, "path": path, "headers": headers, "client": (address, 5000)}


class Client:
    """Sends a request's messages, then stays until it is told to go; keeps what comes."""

    def __init__(self, *bodies: bytes) -> None:
        last = len(bodies) - 1
        self.messages = [
            {"type": "http.request", "body": body, "more_body": number < last} for number, body in enumerate(bodies)
        ] or [{"type": "http.request", "body": b""}]
        self.left = asyncio.Event()
        self.got: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if self.messages:
            return self.messages.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.got.append(message)

    @property
    def status(self) -> int:
        return int(self.got[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.got[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.got[1:])


class Site:
    """An application whose work in a thread goes on until it is let go; counts how many work at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.lock = threading.Lock()
        self.working = self.most = self.served = 0
        self.threads: set[str] = set()

    def work(self) -> None:
        with self.lock:
            self.working += 1
            self.most = max(self.most, self.working)
            self.threads.add(threading.current_thread().name)
        assert self.go_on.wait(20)
        with self.lock:
            self.working -= 1
            self.served += 1

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await sync_to_async(self.work)()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})


def places(at_once: int = 2, waiting: int = 3) -> dict[str, Places]:
    return {kind: Places(kind, at_once, waiting) for kind in requests.all_places()}


async def all_settled(ready: Any) -> None:
    async with asyncio.timeout(20):
        while not ready():
            await asyncio.sleep(0.001)


@pytest.fixture
async def site() -> Any:
    made = Site()
    yield made
    made.go_on.set()


def end(application: Requests) -> None:
    for one in application.places.values():
        for thread in one.free:
            thread.shutdown()


@pytest.mark.parametrize(
    ("path", "method", "kind"),
    [
        ("/", "GET", "pages"),
        ("/rooms/lobby", "GET", "pages"),
        ("/api/v1/tokens", "POST", "pages"),
        ("/accounts/sign-in/", "GET", "pages"),
        ("/accounts/sign-out/", "POST", "pages"),
        ("/accounts/sign-in/", "POST", "passwords"),
        ("/accounts/sign-in/", "post", "passwords"),
        ("/accounts/sign-up/", "POST", "passwords"),
        ("/accounts/set-up/", "POST", "passwords"),
        ("/accounts/password/", "POST", "passwords"),
        ("/accounts/password/reset/MQ/set-password/", "POST", "passwords"),
        ("/admin/login/", "POST", "passwords"),
        ("/accounts/password/reset/", "POST", "mails"),
        ("/accounts/oidc/sso/login/callback/", "GET", "mails"),
        ("/accounts/password/reset/", "Post", "mails"),
        ("/accounts/export/", "POST", "own-data"),
        ("/accounts/export/", "pOST", "own-data"),
        ("/accounts/erase/", "POST", "own-data"),
        ("/admin/", "GET", "admin"),
        ("/admin/auth/user/1/password/", "POST", "admin"),
    ],
)
def test_kinds_have_places_of_their_own(path: str, method: str, kind: str) -> None:
    assert kind_of(method, path) == kind


async def test_so_many_work_at_once_so_many_wait_and_the_next_gets_503_and_when_to_come_back(site: Site) -> None:
    application = Requests(site, places(at_once=2, waiting=3))
    clients = [Client() for _ in range(8)]
    asked = [asyncio.create_task(application(scope(), one.receive, one.send)) for one in clients]
    await all_settled(lambda: sum(task.done() for task in asked) == 3 and site.working == 2)
    site.go_on.set()
    await asyncio.gather(*asked)
    assert sorted(one.status for one in clients) == [200] * 5 + [503] * 3
    assert (site.most, site.served) == (2, 5)
    assert all(3 <= int(one.headers["retry-after"]) <= 8 for one in clients if one.status == 503)
    await all_settled(lambda: len(application.places["pages"].free) == 2)
    end(application)


@pytest.mark.parametrize(
    ("path", "language", "said"),
    [
        ("/", "", "The server is busy"),
        ("/", "de,en;q=0.5", "The server is busy"),
        ("/", "zh-CN,zh;q=0.9", "服务器"),
        ("/accounts/sign-in/", "zh", "服务器"),
    ],
)
async def test_the_refusal_is_a_page_in_words(site: Site, path: str, language: str, said: str) -> None:
    application = Requests(site, places(at_once=0, waiting=0))
    client = Client()
    await application(scope(path, language=language), client.receive, client.send)
    assert client.status == 503 and said in client.body.decode()
    assert client.headers["content-type"].startswith("text/html")
    assert client.headers["content-length"] == str(len(client.body))
    assert client.headers["cache-control"] == "no-store"


async def test_the_refusal_of_the_api_is_json(site: Site) -> None:
    application = Requests(site, places(at_once=0, waiting=0))
    client = Client()
    await application(scope("/api/v1/tokens", "POST"), client.receive, client.send)
    assert (client.status, json.loads(client.body)["error"]["code"]) == (503, "unavailable")
    assert "retry-after" in client.headers


async def test_a_slow_kind_keeps_no_other_waiting(site: Site) -> None:
    application = Requests(site, places(at_once=1, waiting=1))
    slow = [Client() for _ in range(3)]
    asked = [asyncio.create_task(application(scope("/admin/"), one.receive, one.send)) for one in slow]
    await all_settled(lambda: site.working == 1)
    page = Client()
    asked.append(asyncio.create_task(application(scope("/"), page.receive, page.send)))
    await all_settled(lambda: site.working == 2)
    site.go_on.set()
    await asyncio.gather(*asked)
    assert page.status == 200
    end(application)


async def test_a_client_that_sends_slowly_or_reads_slowly_holds_no_place(site: Site) -> None:
    application = Requests(site, places(at_once=1, waiting=0))
    site.go_on.set()
    read_on, sent = asyncio.Event(), asyncio.Event()
    trickling, stalled, other = Client(), Client(), Client()
    trickling.messages = [{"type": "http.request", "body": b"x", "more_body": True}]

    async def send_slowly(message: dict[str, Any]) -> None:
        sent.set()
        await read_on.wait()
        stalled.got.append(message)

    tasks = [
        asyncio.create_task(application(scope(method="POST"), trickling.receive, trickling.send)),
        asyncio.create_task(application(scope(), stalled.receive, send_slowly)),
    ]
    await sent.wait()
    await all_settled(lambda: len(application.places["pages"].free) == 1)
    await application(scope(), other.receive, other.send)
    assert other.status == 200
    read_on.set()
    trickling.left.set()
    await asyncio.gather(*tasks)
    assert stalled.body == b"served" and trickling.got == []
    end(application)


async def test_a_client_that_leaves_its_line_is_not_served(site: Site) -> None:
    application = Requests(site, places(at_once=1, waiting=2))
    first, second = Client(), Client()
    tasks = [asyncio.create_task(application(scope(), one.receive, one.send)) for one in (first, second)]
    await all_settled(lambda: site.working == 1 and application.places["pages"].length == 1)
    second.left.set()
    await tasks[1]
    assert second.got == [] and application.places["pages"].length == 0
    site.go_on.set()
    await tasks[0]
    assert (first.status, site.served) == (200, 1)
    end(application)


async def test_clients_that_leave_while_they_are_served_free_no_place_that_still_works(site: Site) -> None:
    application = Requests(site, places(at_once=2, waiting=9))
    tasks = []
    for _ in range(8):
        one = Client()
        tasks.append(asyncio.create_task(application(scope(), one.receive, one.send)))
        await asyncio.sleep(0)
    await all_settled(lambda: site.working == 2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    later = Client()
    last = asyncio.create_task(application(scope(), later.receive, later.send))
    await asyncio.sleep(0.02)
    assert site.working == 2 and site.most == 2
    site.go_on.set()
    await last
    assert later.status == 200 and site.most == 2
    await all_settled(lambda: len(application.places["pages"].free) == 2)
    end(application)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_work_is_done_to_its_end_though_its_client_has_left(site: Site, method: str) -> None:
    heard: list[Any] = []

    async def as_django_does(scope: Any, receive: Any, send: Any) -> None:
        async def listen() -> None:
            heard.append(await receive())

        await receive()
        listening = asyncio.create_task(listen())
        await sync_to_async(site.work)()
        await sync_to_async(lambda: None)()  # In the context's own thread, which a context that has ended has no more.
        listening.cancel()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})

    application = Requests(as_django_does, places(at_once=1, waiting=0))
    client = Client()
    asked = asyncio.create_task(application(scope(method=method), client.receive, client.send))
    await all_settled(lambda: site.working == 1)
    client.left.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert heard == []
    site.go_on.set()
    await asked
    assert (heard, site.served) == ([], 1)
    end(application)


async def test_a_request_and_an_answer_of_any_length_pass_as_they_are() -> None:
    came: list[bytes] = []

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        came.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for start in range(0, len(body), 50_000):
            await send({"type": "http.response.body", "body": body[start : start + 50_000], "more_body": True})
        await send({"type": "http.response.body"})

    application = Requests(echo, places())
    for size in (0, 1, 65_535, 65_536, 65_537, 131_072, 700_001):
        body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        client = Client(*(body[start : start + 30_000] for start in range(0, max(size, 1), 30_000)))
        await application(scope(method="POST"), client.receive, client.send)
        assert came.pop() == body == client.body
        assert [message.get("more_body", False) for message in client.got[1:]].count(False) == 1
    end(application)


async def test_files_need_no_place(site: Site) -> None:
    application = Requests(site, places(at_once=0, waiting=0))
    site.go_on.set()
    client = Client()
    await application(scope("/static/chat/chat.css"), client.receive, client.send)
    assert client.status == 200


async def test_refusals_are_one_line_in_the_log(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    application = Requests(site, places(at_once=0, waiting=0))
    for _ in range(5):
        client = Client()
        await application(scope(), client.receive, client.send)
    assert [record.getMessage() for record in caplog.records if record.name == "chat.requests"] == [
        "requests are refused with 503, 1 so far: kind=pages at_once=0 waiting=0"
    ]
