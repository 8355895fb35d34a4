"""What is remembered."""

from chat.models.broadcast import Broadcast
from chat.models.lease import Lease
from chat.models.message import Message
from chat.models.origin import AllowedOrigin
from chat.models.process import Process
from chat.models.room import Room

__all__ = ["AllowedOrigin", "Broadcast", "Lease", "Message", "Process", "Room"]
