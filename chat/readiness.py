"""Readiness: what the process knows of its database's schema, and whether it can write there."""

from __future__ import annotations

import logging

from chat import schema
from chat.database import Database, ask
from chat.schema import Schema, named
from chat.write_errors import write_error

logger = logging.getLogger("chat.readiness")


class Readiness:
    """Hears of every write's outcome, and reads the schema until it is whole: `migrate` heals without a restart."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.schema: Schema | None = None
        self.doubted = False
        self.write_problem = ""

    @property
    def problems(self) -> list[str]:
        """Return why this process should get no traffic, in words."""
        lack = self.schema.lack if self.schema else ""
        unwritten = f"the database cannot be written: {self.write_problem}" if self.write_problem else ""
        return [problem for problem in (lack, unwritten) if problem]

    async def look(self) -> None:
        """Read the schema where it is not known to be whole. Raises: Unavailable."""
        if self.schema is None or self.schema.missing or self.doubted:
            self.learn(await ask(self.database, schema.read))

    def learn(self, found: Schema) -> None:
        """Take what was read of the schema; the log hears of what has changed."""
        before, self.schema = self.schema, found
        self.doubted = False
        if found == before:
            return
        if found.missing:
            logger.error("not ready: %s", found.lack)
        elif before and before.missing:
            logger.warning("the migrations are applied now")
        if found.later and (before is None or found.later != before.later):
            logger.warning(
                "the database is newer than this version of the code, which does not know %s", named(found.later)
            )

    def doubt(self) -> None:
        """Read the schema again before the next answer: the database did not answer as one that is whole."""
        self.doubted = True

    def wrote(self) -> None:
        """Hear that this process's own row was written."""
        if self.write_problem:
            logger.warning("ready again: the database can be written")
        self.write_problem = ""

    def failed(self, error: BaseException) -> None:
        """Hear of a write that failed. A lock, a conflict or a time-out changes nothing."""
        problem = write_error(error)
        if problem and problem != self.write_problem:
            logger.error("not ready: the database cannot be written: %s (%s)", problem, " ".join(str(error).split()))
        self.write_problem = problem or self.write_problem
