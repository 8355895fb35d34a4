"""Who is connected now: asyncio, no ORM."""
