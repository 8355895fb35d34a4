"""Django's settings, as far as they are more than a table."""

from __future__ import annotations

import pytest
from django.conf import settings

from chatsite.settings import redis_host

LIMITS = {"socket_timeout": 1, "socket_connect_timeout": 1}


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("redis://:pw@a:6379/1", {"address": "redis://:pw@a:6379/1"}),
        ("unix:///run/redis.sock", {"address": "unix:///run/redis.sock"}),
        (
            "redis+sentinel://a:26379,b:26380/main",
            {"sentinels": [("a", 26379), ("b", 26380)], "master_name": "main", "db": 0},
        ),
        (
            "redis+sentinel://:pw@a:26379,b/main?db=2",
            {"sentinels": [("a", 26379), ("b", 26379)], "master_name": "main", "db": 2, "password": "pw"},
        ),
    ],
)
def test_a_redis_url_is_a_shard_with_time_limits_of_our_own(url: str, host: dict[str, object]) -> None:
    assert redis_host(url) == {**host, **LIMITS}


def test_the_tests_leave_the_checkouts_own_var_alone() -> None:
    assert settings.CHAT.var_dir != settings.BASE_DIR / "var"
    assert settings.STATIC_ROOT.is_relative_to(settings.CHAT.var_dir)


def test_a_cookie_is_not_sent_along_from_other_sites() -> None:
    assert settings.SESSION_COOKIE_SAMESITE == settings.CSRF_COOKIE_SAMESITE == "Lax"
    assert settings.X_FRAME_OPTIONS == "DENY"
