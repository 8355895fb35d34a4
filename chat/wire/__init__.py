"""The wire: str or bytes in, frames out. Pure: no Django, no asyncio."""
