"""The page while its connection comes and goes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import WebSocketRoute, expect

from .scripted import Script
from .servers import Server
from .waiting import until
from .windows import Window, on_one_server

pytestmark = pytest.mark.browser

NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)
WATCH_STATUS = """
    window.said = [];
    const words = document.querySelector("#status .words");
    const watch = new MutationObserver(() => window.said.push(words.textContent));
    watch.observe(words, { childList: true, characterData: true, subtree: true });
"""


def test_after_a_kill_the_page_reconnects_and_what_was_typed_meanwhile_arrives_once(
    fresh: Callable[..., Server], window: Callable[..., Window], room: str
) -> None:
    server = fresh()
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    one.say("before")
    two.shows("before")
    server.kill()
    one.is_("waiting")
    expect(one.status).to_contain_text("Offline")
    one.say("meanwhile 1")
    one.say("meanwhile 2")
    expect(one.page.locator("#messages .waiting")).to_have_count(2)
    server.start()
    for each in (one, two):
        each.page.evaluate("window.dispatchEvent(new Event('online'))")
        each.joined()
    one.say("after")
    one.shows("after")
    expect(one.page.locator("#messages .sent")).to_have_count(4)
    assert one.texts() == ["before", "meanwhile 1", "meanwhile 2", "after"]
    two.shows("after")
    late = window(server, f"/rooms/{room}").joined()
    late.shows("after")
    assert two.texts() == late.texts() == one.texts()


@on_one_server
def test_a_message_whose_ack_is_lost_comes_with_the_next_join_and_is_shown_once(
    server: Server, window: Callable[..., Window], room: str
) -> None:
    two = window(server, f"/rooms/{room}").joined()
    sent: list[str] = []

    def lossy(route: WebSocketRoute) -> None:
        """Let the first message through to the server, and end the connection before its answer."""
        upstream = route.connect_to_server()
        heard = len(sent) > 0

        def up(frame: str | bytes) -> None:
            upstream.send(frame)
            if '"type":"send"' in str(frame):
                sent.append(str(frame))
                if not heard and len(sent) == 1:
                    route.close(code=4002, reason="slow_consumer")

        def down(frame: str | bytes) -> None:
            if heard or not sent:
                route.send(frame)

        route.on_message(up)
        upstream.on_message(down)

    one = window(server, f"/rooms/{room}", lossy=lossy).joined()
    one.say("once")
    two.shows("once")
    expect(one.page.locator("#messages .sent .text")).to_have_text(["once"])
    one.say("after")
    two.shows("after")
    keys = [json.loads(frame)["payload"]["key"] for frame in sent]
    assert len(keys) == len(set(keys)) == 2
    assert one.texts() == two.texts() == ["once", "after"]


@on_one_server
def test_a_drained_server_says_so_and_the_page_comes_back(
    fresh: Callable[..., Server], window: Callable[..., Window], room: str
) -> None:
    server = fresh()
    one = window(server, f"/rooms/{room}").joined()
    # Written down as it changes: the next try, while nobody listens, has another cause.
    one.page.evaluate(WATCH_STATUS)
    server.terminate()
    one.page.wait_for_function("() => window.said.some((words) => words.includes('the server restarts'))")
    server.start()
    one.joined()


@on_one_server
def test_the_round_trip_is_shown_and_not_read_aloud(server: Server, window: Callable[..., Window]) -> None:
    script = Script()
    one = window(server, "/rooms/lobby", lossy=script.serve, now=NOW)
    one.joined().page.evaluate(WATCH_STATUS)
    latency = one.page.locator("#status .latency")
    expect(latency).to_have_text(re.compile(r"^\d+ ms$"))
    for count in (2, 3):
        one.page.clock.fast_forward(20_000)
        until(lambda count=count: one.page.evaluate("1") and len(script.all("ping")) >= count, f"ping {count}")
    assert one.page.evaluate("window.said") == []
    expect(one.page.get_by_role("status")).to_have_text("Connected")
    script.close(4001, retry_after_s=30)
    one.is_("waiting")
    expect(latency).to_have_text("")


@on_one_server
def test_a_lost_connection_says_why_and_counts_down_to_the_next_try(
    server: Server, window: Callable[..., Window]
) -> None:
    script = Script()
    one = window(server, "/rooms/lobby", lossy=script.serve, now=NOW).joined()
    one.page.clock.pause_at(NOW + timedelta(minutes=1))
    script.close(4001, retry_after_s=30)
    expect(one.page.get_by_role("status")).to_have_text("Offline: the server restarts.")
    countdown = one.page.locator("#status .countdown")
    left = int(re.findall(r"\d+", countdown.text_content() or "")[0])
    assert 30 <= left <= 32
    one.page.clock.run_for(10_000)
    expect(countdown).to_have_text(f"Next try in {left - 10} s.")
    one.page.get_by_role("button", name="Try now").click()
    one.page.clock.run_for(1000)
    one.joined()
    expect(countdown).to_have_text("")
    assert len(script.routes) == 2


@on_one_server
def test_a_room_that_goes_away_says_so_and_fails_what_is_written(server: Server, window: Callable[..., Window]) -> None:
    script = Script(answers=False)
    one = window(server, "/rooms/lobby", lossy=script.serve).joined()
    script.refused = {"code": "not_found", "message": "payload.room: there is no such room"}
    script.say("resync", room="lobby")
    one.is_("stopped")
    expect(one.page.get_by_role("status")).to_have_text("Not in the room: There is no such room")
    one.say("anybody?")
    expect(one.page.locator("#messages .failed .state")).to_have_text("Not sent: There is no such room")


@on_one_server
def test_somebody_signed_in_sees_a_name_that_is_not_a_form(server: Server, window: Callable[..., Window]) -> None:
    script = Script(you={"id": "u1", "name": "Grace", "kind": "user"}, title="The crew", topic="Ships & sails")
    one = window(server, "/rooms/lobby", lossy=script.serve).joined()
    expect(one.page.locator("#signed-in")).to_have_text("Signed in as Grace")
    expect(one.page.locator("#name")).to_be_hidden()
    expect(one.page.locator("h1")).to_have_text("The crew")
    expect(one.page.locator("#topic")).to_have_text("Ships & sails")
    expect(one.page).to_have_title("The crew")
