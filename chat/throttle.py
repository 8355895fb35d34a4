"""Throttles: how often one address, one mailbox or one person may ask for what costs others something."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chat.live.limits import Bucket

SECONDS_A_MINUTE = 60
SECONDS_AN_HOUR = 3600
# Of one address: a class that signs up together is let in, a program that fills the table of accounts is not.
SIGN_UPS_AN_HOUR = 20
RESETS_AN_HOUR = 10
# To one mailbox, whoever asks: a stranger who knows an address does not bury what else comes there.
MAILS_AN_HOUR = 3
# Passwords, right or wrong: each takes a third of a second of a core. For one account, from one address: a program that
# signs in for each thing that it does learns to keep its session. For all accounts: an office that comes in the morning.
PASSWORDS_AN_HOUR = 60
PASSWORDS_OF_ADDRESS_AN_HOUR = 600
# That one person begins with others: whoever is begun with by everybody has a long list.
CONVERSATIONS_AN_HOUR = 60
# About 3 MB. Over it whoever has been silent for the longest begins anew, which takes so many other addresses.
MAX_KEYS = 10_000


class Throttle:
    """Lets each key do something `an_hour` times at once, and as often in an hour after that; this process counts alone."""

    def __init__(self, an_hour: int, clock: Callable[[], float] = time.monotonic, most: int = MAX_KEYS) -> None:
        self.an_hour = an_hour
        self.clock = clock
        self.most = most
        self.buckets: OrderedDict[str, Bucket] = OrderedDict()
        self.lock = threading.Lock()  # Views run in threads.

    def take(self, key: str) -> float:
        """Count one more and return 0, or return the seconds until there may be one."""
        with self.lock:
            now = self.clock()
            bucket = self.buckets.get(key)
            if bucket is None:
                bucket = self.buckets[key] = Bucket(self.an_hour / SECONDS_AN_HOUR, self.an_hour, now)
            self.buckets.move_to_end(key)
            if len(self.buckets) > self.most:
                self.buckets.popitem(last=False)
            return bucket.take(now)


sign_ups = Throttle(SIGN_UPS_AN_HOUR)
resets = Throttle(RESETS_AN_HOUR)
mails = Throttle(MAILS_AN_HOUR)
passwords = Throttle(PASSWORDS_AN_HOUR)
passwords_of_address = Throttle(PASSWORDS_OF_ADDRESS_AN_HOUR)
conversations = Throttle(CONVERSATIONS_AN_HOUR)


def later(request: HttpRequest, template: str, seconds: float, **context: Any) -> HttpResponse:
    """Answer by a page that says when to try again: 429."""
    wait = max(1, -int(-seconds // 1))
    context["minutes"] = -(-wait // SECONDS_A_MINUTE)
    response = render(request, template, context, status=429)
    response["Retry-After"] = str(wait)
    return response
