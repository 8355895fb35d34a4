"""What is remembered."""

from chat.models.broadcast import Broadcast
from chat.models.lease import Lease
from chat.models.room import Room

__all__ = ["Broadcast", "Lease", "Room"]
