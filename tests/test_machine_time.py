"""The machine's time: as `date` tells it, for every way to say a zone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chat import machine_time
from tests.live.servers import ROOT, environment

ZONES = Path("/usr/share/zoneinfo")
WINTER, SUMMER = datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 7, 15, 12, tzinfo=UTC)
SPRING = datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC)
RULES = {
    "CET-1CEST,M3.5.0,M10.5.0/3": ("+0100", "+0200"),
    "EST5EDT": ("-0500", "-0400"),
    "EST5EDT,M3.2.0,M11.1.0": ("-0500", "-0400"),
    "<+08>-8": ("+0800", "+0800"),
    "<-03>3": ("-0300", "-0300"),
    "IST-5:30": ("+0530", "+0530"),
    "NZST-12NZDT,M9.5.0,M4.1.0/3": ("+1300", "+1200"),
    "IST-2IDT,M3.4.4/26,M10.5.0": ("+0200", "+0300"),
    "AAA3BBB,J60/0,J300/0": ("-0300", "-0200"),
    "": ("+0000", "+0000"),
    "UTC0": ("+0000", "+0000"),
}
FILES = {
    "Europe/Berlin": ("+0100", "+0200"),
    ":Europe/Berlin": ("+0100", "+0200"),
    "/usr/share/zoneinfo/America/New_York": ("-0500", "-0400"),
    ":/usr/share/zoneinfo/Asia/Kathmandu": ("+0545", "+0545"),
}


@pytest.fixture(autouse=True)
def zone() -> Iterator[None]:
    before = os.environ.get("TZ")
    yield
    machine_time.restore(before)


def of_date(moment: datetime, zone: str | None) -> str:
    """Return the offset that the system's own `date` tells."""
    plain = {name: value for name, value in os.environ.items() if name != "TZ"}
    return subprocess.run(
        ["date", "-d", f"@{moment.timestamp():.0f}", "+%z"],
        env=plain if zone is None else {**plain, "TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.mark.parametrize("zone", [*RULES, *FILES])
def test_a_zone_is_what_libc_makes_of_it_in_winter_and_in_summer(zone: str) -> None:
    if zone in FILES and not (ZONES / "Europe").exists():
        pytest.skip("this machine has no time zone database")
    machine_time.restore(zone)
    told = tuple(f"{machine_time.local(moment):%z}" for moment in (WINTER, SUMMER))
    assert told == {**RULES, **FILES}[zone]
    if shutil.which("date") and sys.platform == "linux":
        assert told == (of_date(WINTER, zone), of_date(SUMMER, zone))


@pytest.mark.skipif(sys.platform != "linux", reason="GNU date is asked")
@pytest.mark.parametrize("zone", [None, "Mars/Olympus", "nonsense", ":", "/dev/null", "-1", "CET-1CEST,M3"])
def test_no_zone_or_one_that_makes_no_sense_is_what_libc_makes_of_it_too(zone: str | None) -> None:
    machine_time.restore(zone)
    assert f"{machine_time.local(SUMMER):%z}" == of_date(SUMMER, zone)


def test_daylight_saving_time_begins_while_the_process_runs() -> None:
    machine_time.restore("CET-1CEST,M3.5.0,M10.5.0/3")
    assert [f"{machine_time.local(moment):%H:%M:%S}" for moment in SPRING] == ["01:59:59", "03:00:00"]


ASKS = """
import json, os, time, django
django.setup()
from datetime import datetime, UTC
from chat.models import Broadcast, Room
row = Broadcast(room=Room(), template="{time}")
from django.utils import timezone
print(json.dumps([
    row.render(datetime(2026, 7, 15, 12, tzinfo=UTC)), os.environ.get("TZ"), str(timezone.get_current_timezone())
]))
"""


@pytest.mark.parametrize(("zone", "told"), [("CET-1CEST,M3.5.0,M10.5.0/3", "14:00:00"), ("<+08>-8", "20:00:00")])
def test_a_process_tells_broadcasts_in_it_and_hands_it_on_and_pages_keep_their_own(
    tmp_path: Path, zone: str, told: str
) -> None:
    variables = {"TZ": zone, "TIME_ZONE": "Asia/Tokyo", "DJANGO_SETTINGS_MODULE": "chatsite.settings"}
    done = subprocess.run(
        [sys.executable, "-c", ASKS],
        cwd=ROOT,
        env=environment(tmp_path, variables),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [told, zone, "Asia/Tokyo"]
