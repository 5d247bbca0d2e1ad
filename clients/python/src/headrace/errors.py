"""What a call may raise.  No text has a key's value, an id or a credential in it."""

from __future__ import annotations

from typing import Optional


class HeadraceError(Exception):
    """The root of them all."""


class Unavailable(HeadraceError):
    """Nobody can say now: not that it is there, nor that it is not.  A write that ended so may
    nevertheless have been made."""

    def __init__(self, reason: str, retry_after: Optional[float] = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class CacheUnavailable(Unavailable):
    """Of the cache."""


class SessionUnavailable(Unavailable):
    """Of sessions: whoever is logged in stays so."""


class Refused(HeadraceError):
    """The server has understood and says no: a right that the key lacks, a limit, a fault."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}" if detail else f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail


class Conflict(Refused):
    """What is there does not allow it."""


class PreconditionFailed(Refused):
    """It is not of that version any more; nothing was changed."""


class SessionDestroyed(Refused):
    """The session has ended and stays so: its user is logged out."""
