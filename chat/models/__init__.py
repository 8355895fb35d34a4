"""What is remembered."""

from chat.models.broadcast import Broadcast
from chat.models.erased import Erased
from chat.models.invalidation import Invalidation
from chat.models.invitation import Invitation
from chat.models.lease import Lease
from chat.models.membership import Membership
from chat.models.message import Message
from chat.models.origin import AllowedOrigin
from chat.models.process import Process
from chat.models.profile import Profile
from chat.models.put_out import PutOut
from chat.models.room import Room
from chat.models.sent_form import SentForm
from chat.models.ticket import Ticket
from chat.models.user_session import UserSession

__all__ = [
    "AllowedOrigin",
    "Broadcast",
    "Erased",
    "Invalidation",
    "Invitation",
    "Lease",
    "Membership",
    "Message",
    "Process",
    "Profile",
    "PutOut",
    "Room",
    "SentForm",
    "Ticket",
    "UserSession",
]
