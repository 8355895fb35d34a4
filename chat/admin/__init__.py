"""Django's admin of what is remembered."""

from chat.admin.broadcast import BroadcastAdmin
from chat.admin.origin import AllowedOriginAdmin
from chat.admin.people import GroupAdmin, UserAdmin
from chat.admin.process import ProcessAdmin
from chat.admin.room import RoomAdmin
from chat.admin.ways import StaffForm

__all__ = ["AllowedOriginAdmin", "BroadcastAdmin", "GroupAdmin", "ProcessAdmin", "RoomAdmin", "StaffForm", "UserAdmin"]
