"""Django's admin of what is remembered."""

from chat.admin.broadcast import BroadcastAdmin
from chat.admin.room import RoomAdmin

__all__ = ["BroadcastAdmin", "RoomAdmin"]
