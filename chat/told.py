"""Told: what the server says to everybody in English, as one reader's page says it.

On the wire, in logs and in commands these sentences are English: their codes are the contract. They are translated where
a page shows them, here or in its script (`client/words.js`).
"""

from __future__ import annotations

import re

from django.utils.translation import gettext, gettext_noop

HOLE = re.compile(r"\{(\w+)\}")

# As people read them: without the place in a frame that they may begin with. What stands in {braces} differs.
SENTENCES = (
    # Who may not
    gettext_noop("Guests may not enter this room: sign in."),
    gettext_noop("Guests may not take part here."),
    gettext_noop("Guests may not take part here: sign in."),
    gettext_noop("Guests may not write in this room: sign in."),
    gettext_noop("Nobody moderates a direct conversation."),
    gettext_noop("Only its author may change a message."),
    gettext_noop("Only its author, or a moderator, may delete a message."),
    gettext_noop("Only members write in this room: join it first."),
    gettext_noop("Only moderators of the room may do that."),
    gettext_noop("Only moderators write in this room."),
    gettext_noop("Only owners of the room may do that."),
    gettext_noop("Only what members have read is remembered: join the room first."),
    gettext_noop("Only what the signed-in have read is remembered."),
    gettext_noop("Sign in first."),
    gettext_noop("This room is archived: it can be read, and nothing changes in it."),
    gettext_noop("This room is for its members."),
    gettext_noop("This room is for its members: sign in."),
    gettext_noop("This token does not hold."),
    gettext_noop("Who is signed in is called by the name of the account."),
    # Names
    gettext_noop("A name may not begin with “Server” or what looks like it."),
    gettext_noop("Expected 1 to {most} characters, got {count}."),
    gettext_noop("Expected visible characters, got marks alone."),
    gettext_noop("Expected visible characters, got U+{code}."),
    gettext_noop("Somebody took this name just now."),
    gettext_noop("“{name}” is a name that only the server gives."),
    gettext_noop("“{name}” is the name of an account now, or looks like it: you are called “{now}”."),
    gettext_noop("“{name}” is the name of somebody here, or looks like it."),
    gettext_noop("“{name}” is what somebody here is called, or looks like it."),
    # Messages
    gettext_noop("A binary message cannot be edited."),
    gettext_noop("A message may have {most} bytes, got {size}."),
    gettext_noop("A message may have {most} different emoji."),
    gettext_noop("You may put {most} different emoji on a message: take one off first."),
    gettext_noop("A message may have {most} reactions."),
    gettext_noop("Expected one emoji, got {text}."),
    gettext_noop("Expected text that shows something, got none that does."),
    gettext_noop("Expected text without U+0000, got it inside."),
    gettext_noop("Somebody else has written a message with this key."),
    gettext_noop("The message has changed since: expected offset {expected}, it has {offset}."),
    gettext_noop("The message is deleted."),
    gettext_noop("There is no message {message} to reply to."),
    gettext_noop("There is no message {message}."),
    gettext_noop("This room keeps no messages to reply to."),
    gettext_noop("This room keeps no messages."),
    # Rooms and their members
    gettext_noop("/rooms/{slug} is taken: expected an address that no other room has."),
    gettext_noop("A connection may be in {most} rooms: leave one first."),
    gettext_noop("A room has at least one owner: make somebody else one first."),
    gettext_noop("An invitation makes members, and no more."),
    gettext_noop("Expected at least one other person, got none."),
    gettext_noop("Expected at most {most} invitations: withdraw one first."),
    gettext_noop("Expected at most {most} people with yourself, got {count}: make a room for so many."),
    gettext_noop("Expected at most {most} rooms of one owner: hand one over first."),
    gettext_noop("Expected at most {most} new conversations an hour: try again later."),
    gettext_noop("Expected owner, moderator, member or nothing, got “{word}”."),
    gettext_noop("Expected somebody who is in this room: perhaps they have just left it."),
    gettext_noop("Expected the name of somebody with an account here, got “{name}”."),
    gettext_noop("More than one person is called “{name}”: give them an invitation."),
    gettext_noop("Join {room} before you change anything in it."),
    gettext_noop("Join {room} before you read in it."),
    gettext_noop("Join {room} before you send to it."),
    gettext_noop("Somebody of these has no account here any more: choose again."),
    gettext_noop("The invitation has been used already: ask for another one."),
    gettext_noop("The invitation has expired: ask for another one."),
    gettext_noop("There is no room {room}."),
    gettext_noop("There is no such invitation: it may have been withdrawn. Ask for another one."),
    gettext_noop("There is no such person."),
    gettext_noop("This account is erased: nothing is written by it any more."),
    gettext_noop("You are not in {room}."),
    gettext_noop(
        "You were put out of this room after this invitation was made. Ask a moderator of the room to let you in again."
    ),
    # Forms
    gettext_noop("This form has been sent already, and the server is still at work on it: try again in a moment."),
    gettext_noop("This form has been sent again meanwhile: look whether it is done."),
    gettext_noop("This invitation was made and withdrawn again: make another one."),
    # Not now
    gettext_noop("At most {most} changes a second."),
    gettext_noop("Too many bytes for the members of this room at once. Wait a moment."),
    gettext_noop("At most {most} messages a second."),
    gettext_noop("At most {most} requests may wait."),
    gettext_noop("Only the members on this server have it: the channel layer does not answer."),
    gettext_noop("The database does not answer."),
    gettext_noop("The database does not take messages now."),
    gettext_noop("The server failed to write it; its log says how."),
    gettext_noop("The server failed; its log has it as {id}."),
    gettext_noop("This server has as many rooms open as it may."),
    gettext_noop("Too many frames."),
    # Notices
    gettext_noop("You are in “{room}” now."),
    gettext_noop("You are no longer in “{room}”."),
    gettext_noop("You have a conversation with “{room}” now."),
    gettext_noop("You moderate “{room}” now."),
    gettext_noop("You own “{room}” now."),
    gettext_noop("{count} of your rooms have changed."),
    gettext_noop("“{room}” is archived: it can be read, and nothing changes in it."),
    gettext_noop("“{room}” is called “{title}” now."),
    gettext_noop("“{room}” is open again."),
)


def pattern_of(sentence: str) -> re.Pattern[str]:
    """Return what a sentence looks like once its holes are filled."""
    parts = HOLE.split(sentence)
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)), re.DOTALL
    )


WHOLE = frozenset(sentence for sentence in SENTENCES if not HOLE.search(sentence))
PATTERNS = [(pattern_of(sentence), sentence) for sentence in SENTENCES if sentence not in WHOLE]


def told(sentence: str) -> str:
    """Return a sentence of the server's in the reader's language; one that is not known as it is."""
    if sentence in WHOLE:
        return gettext(sentence)
    for pattern, known in PATTERNS:
        found = pattern.fullmatch(sentence)
        if found:
            return HOLE.sub(lambda hole, found=found: found[hole[1]], gettext(known))  # type: ignore[misc]
    return sentence


def translations() -> dict[str, str]:
    """Return the sentences that the reader's language has, each with what it says there."""
    return {sentence: words for sentence in SENTENCES if (words := gettext(sentence)) != sentence}
