"""The link: this process's one channel in the channel layer, and whether the layer is there."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from chat.live.contact import Contact
from chat.live.membership import Membership

logger = logging.getLogger("chat.link")

Result = TypeVar("Result")

PULSE_SECONDS = 1.0
# Pulses of our own that are missing for this long mean that the layer is down.
DOWN_SECONDS = 3.0
RETRY_SECONDS = 1.0


class LinkLost(Exception):
    """The layer does not carry what we send to ourselves."""


async def nothing() -> None:
    """Check nothing."""


async def cancellable(call: Awaitable[Result]) -> Result:
    """Await a call of a layer, and raise the cancellation that the call swallowed.

    Before Python 3.12, `asyncio.wait_for` drops a cancellation when its result is ready in the same moment (bpo-42130).
    redis-py writes inside `wait_for`, so a cancelled task could run on forever.

    Raises: what the call raises; asyncio.CancelledError.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    result = await call
    if task.cancelling() > before:
        raise asyncio.CancelledError
    return result


class Link:
    """Keeps one channel, its groups and its pump; when any of them fails, all are made anew.

    `pulse_groups` names groups that every process listens to: what is sent there must come back, and the others must hear
    it, which `contact` knows. `check` raises where the layer is one that carries nothing to others.
    """

    def __init__(
        self,
        layer: Any,
        membership: Membership,
        receive: Callable[[dict[str, Any]], None],
        group_of: Callable[[str], str],
        pulse: Callable[[str], Awaitable[None]],
        pulse_groups: Callable[[], list[str]],
        on_change: Callable[[bool], None],
    ) -> None:
        self.layer = layer
        self.membership = membership
        self.receive = receive
        self.group_of = group_of
        self.pulse = pulse
        self.pulse_groups = pulse_groups
        self.on_change = on_change
        self.check: Callable[[], Awaitable[None]] = nothing
        self.contact = Contact("", lambda: 0.0)
        self.up: bool | None = None
        # Why it is not up; whether that is since no other process hears us; and who does not, though others may.
        self.reason = ""
        self.alone = False
        self.unheard: list[str] = []
        self.pulses: dict[str, float] = {}
        self.failed = asyncio.Event()

    async def run(self) -> None:
        """Hold the link, for ever."""
        while True:
            try:
                await self._session()
            except Exception as error:  # Layers raise what their drivers raise.
                await self._lost(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _session(self) -> None:
        async with asyncio.timeout(DOWN_SECONDS):
            channel = await cancellable(self.layer.new_channel())
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(channel))
                tasks.create_task(self._pulse(channel))
                tasks.create_task(self._keep(channel))
                tasks.create_task(self._watch_failures())
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _pump(self, channel: str) -> None:
        # Never in a time-out: its cancellation would unsubscribe the channel.
        while True:
            self.receive(await self.layer.receive(channel))

    async def _keep(self, channel: str) -> None:
        async def add(room: str) -> None:
            await cancellable(self.layer.group_add(self.group_of(room), channel))

        async def discard(room: str) -> None:
            await cancellable(self.layer.group_discard(self.group_of(room), channel))

        await self.membership.keep(add, discard)

    async def _pulse(self, channel: str) -> None:
        groups = self.pulse_groups()
        clock = asyncio.get_running_loop().time
        if not groups:
            self._found()
            return
        async with asyncio.timeout(DOWN_SECONDS):
            for group in groups:
                await cancellable(self.layer.group_add(group, channel))
        self.pulses = dict.fromkeys(groups, math.inf)
        began = clock()
        self.alone = False
        while True:
            await self.check()
            for group in groups:
                await self.pulse(group)
            await asyncio.sleep(PULSE_SECONDS)
            oldest = min(began if at == math.inf else at for at in self.pulses.values())
            if clock() - oldest > DOWN_SECONDS:
                raise LinkLost(f"a pulse of our own has been missing for {DOWN_SECONDS:g} s")
            self._weigh(groups, began)

    def _weigh(self, groups: list[str], began: float) -> None:
        """See whether the others are in touch. The session goes on: they may be again at any moment."""
        unheard = self.contact.unheard(groups, began)
        alone = self.contact.alone(groups, began)
        if unheard and not self.unheard and not alone:
            logger.warning("the channel layer carries nothing to or from %d of the other servers", len(unheard))
        self.unheard = unheard
        if alone and not self.alone:
            self._down("no other server hears this one through it: do all have the same REDIS_URL?")
        was, self.alone = self.alone, alone
        if was and not alone and math.inf not in self.pulses.values():
            self._found()

    @property
    def state(self) -> str:
        """Return one word for the process's row; who is alone goes on being expected by the others."""
        return "alone" if self.alone else "down" if self.up is False else "up"

    def felt(self, group: str) -> None:
        """Note a pulse that came back."""
        self.pulses[group] = asyncio.get_running_loop().time()
        if self.up is not True and not self.alone and math.inf not in self.pulses.values():
            self._found()

    async def _watch_failures(self) -> None:
        self.failed.clear()
        await self.failed.wait()
        raise LinkLost("a message could not be sent")

    def _found(self) -> None:
        if self.up is False:
            logger.warning("the channel layer answers again")
        self.up = True
        self.reason = ""
        self.on_change(True)

    async def _lost(self, error: BaseException) -> None:
        self._down(describe(error))
        self.alone = False
        await self.membership.lost()
        await self._reset()

    def _down(self, reason: str) -> None:
        if self.up is not False:
            logger.warning(
                "the channel layer does not answer (%s): members here go on hearing each other, retrying every %g s",
                reason,
                RETRY_SECONDS,
            )
        self.up = False
        self.reason = reason
        self.on_change(False)

    async def _reset(self) -> None:
        """Drop the layer's connections: what redis-py thinks it is subscribed to is no longer sure."""
        try:
            async with asyncio.timeout(DOWN_SECONDS):
                await self.layer.flush()
        except Exception as error:  # As above; the next session tries again.
            logger.debug("the layer could not be flushed: %s", describe(error))


def describe(error: BaseException) -> str:
    """Return an error in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
