"""Sessions and cache over Headrace.

Three outcomes, always told apart: it is there, it is not there, nobody can say now.  The last one
is an exception and never looks like the second.
"""

from .cache import CacheClient, Hit, Miss, get_cache_service
from .errors import (CacheUnavailable, Conflict, HeadraceError, PreconditionFailed, Refused,
                     SessionDestroyed, SessionUnavailable, Unavailable)
from .sessions import Begun, Ends, Listed, Session, SessionClient, handle_of, new_id
from .transport import Breaker, Endpoint

__all__ = [
    "Begun", "Breaker", "CacheClient", "CacheUnavailable", "Conflict", "Endpoint", "Ends",
    "HeadraceError", "Hit", "Listed", "Miss", "PreconditionFailed", "Refused", "Session",
    "SessionClient", "SessionDestroyed", "SessionUnavailable", "Unavailable", "get_cache_service",
    "handle_of", "new_id",
]
