"""Start-up checks: ids are a promise."""

from __future__ import annotations

import pytest
from django.core.checks import ERROR, WARNING, run_checks
from django.test import override_settings

from chat.checks import check_conf, check_hosts, check_settings
from tests.fakes import configuration


@pytest.mark.parametrize(
    ("variables", "ids"),
    [
        ({}, []),
        ({"CHAT_DRAIN_SECONDS": 1}, ["chat.W002"]),
        ({"CHAT_DRAIN_SECONDS": 2}, []),
        ({"CHAT_MAX_CONNECTIONS": 100}, ["chat.W003"]),
        ({"CHAT_MAX_CONNECTIONS": 200}, []),
        ({"CHAT_MAX_CONNECTIONS": 0}, []),
        ({"CHAT_MAX_CONNECTIONS_PER_IP": 0}, []),
        ({"REDIS_URL": "redis://a"}, ["chat.W004"]),
        ({"REDIS_URL": "redis://a", "DATABASE_URL": "postgres://a/b"}, []),
        ({"CHAT_PING_INTERVAL": 1, "CHAT_PING_TIMEOUT": 11}, ["chat.W005"]),
        ({"CHAT_PING_INTERVAL": 1, "CHAT_PING_TIMEOUT": 10}, []),
        ({"CHAT_DRAIN_SECONDS": 1, "REDIS_URL": "redis://a"}, ["chat.W002", "chat.W004"]),
    ],
)
def test_settings_that_make_no_sense_together_are_warned_of(variables: dict[str, object], ids: list[str]) -> None:
    found = check_conf(configuration(**variables))
    assert [message.id for message in found] == ids
    assert all(message.level == WARNING for message in found)


def test_a_star_in_allowed_hosts_stops_a_server_that_is_no_developers() -> None:
    (error,) = check_hosts(configuration(ALLOWED_HOSTS="*"))
    assert (error.id, error.level) == ("chat.E006", ERROR)
    assert check_hosts(configuration(ALLOWED_HOSTS="*", DEBUG=1)) == []
    assert check_hosts(configuration(ALLOWED_HOSTS="chat.example")) == []


def test_the_checks_are_among_those_that_every_command_runs() -> None:
    with override_settings(CHAT=configuration(ALLOWED_HOSTS="*", CHAT_DRAIN_SECONDS=1)):
        ours = [message.id for message in run_checks() if str(message.id).startswith("chat.")]
        assert ours == [message.id for message in check_settings()] == ["chat.W002", "chat.E006"]
