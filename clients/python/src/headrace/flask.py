"""Flask's sessions, kept by Headrace.

    app.session_interface = HeadraceSessionInterface(SessionClient.from_env(app="web"))

The cookie has the id and nothing else; the server has the session under the id's hash.  A request
reads once.  At its end the fields that have changed are sent, and no others, so that two requests
at once both keep what they have changed.  Where the server cannot be asked, using the session
raises SessionUnavailable, which Flask answers with 503, and the cookie stays: nobody is logged out
by an outage.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, NoReturn, Optional, Tuple, TypeVar

from flask import Flask, Request, Response
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.exceptions import ServiceUnavailable

from . import errors
from .sessions import ID_PATTERN, SessionClient

IDLE_SECONDS = 30 * 60
ABSOLUTE_SECONDS = 30 * 24 * 3600
GRACE_SECONDS = 10.0
SECURE_NAME = "__Host-session"

Answer = TypeVar("Answer")

_tags = TaggedJSONSerializer()
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_SCALARS = frozenset({str, int, float, bool, type(None)})
_OPAQUE = " v"  # Begins the list in which a value travels that a merge would take apart.
_ABSENT = object()


class SessionUnavailable(errors.SessionUnavailable, ServiceUnavailable):  # type: ignore[misc]
    """Nobody can say now who this is.  As an HTTP error: 503 with Retry-After."""

    def __init__(self, reason: str, retry_after: Optional[float] = None) -> None:
        errors.SessionUnavailable.__init__(self, reason, retry_after)
        ServiceUnavailable.__init__(self, "The session cannot be read or kept now; try again.",
                                    retry_after=max(1, round(retry_after or 1)))


def _tag(value: Any) -> Any:
    """What _tags.tag does; it asks each of its kinds, most of which cannot be meant."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is list:
        return [_tag(one) for one in value]
    if kind is dict and not (len(value) == 1 and next(iter(value)) in _tags.tags):
        return {name: _tag(one) for name, one in value.items()}
    return _tags.tag(value)


def _to_wire(name: str, value: Any) -> Any:
    """A field as it is sent: Flask's tagged JSON.  What a merge patch would merge or delete
    instead of replacing it, an object or null, stands in a list."""
    if not isinstance(name, str):
        raise TypeError(f"a session's fields are named by strings, not by {type(name).__name__}")
    tagged = _tag(value)
    is_marked = isinstance(tagged, list) and tagged[:1] == [_OPAQUE]
    if tagged is None or isinstance(tagged, dict) or is_marked:
        return [_OPAQUE, tagged]
    return tagged


def _untag(value: Any) -> Any:
    if isinstance(value, dict):
        return _tags.untag({name: _untag(one) for name, one in value.items()})
    if isinstance(value, list):
        return [_untag(one) for one in value]
    return value


def _from_wire(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 2 and value[0] == _OPAQUE:
        value = value[1]
    return _untag(value)


def _text(name: str, value: Any) -> str:
    try:
        return _encode(_to_wire(name, value))
    except (TypeError, ValueError) as error:
        raise TypeError(f"session[{name!r}] cannot be kept: {error}") from error


class HeadraceSession(Dict[str, Any], SessionMixin):
    """The session of one request.  Changes inside its values count, too: what is sent is found by
    comparing each field with what was read."""

    def __init__(self, session_id: Optional[str] = None,
                 kept: Optional[Dict[str, Any]] = None) -> None:
        kept = kept or {}
        super().__init__({name: _from_wire(value) for name, value in kept.items()})
        self.id = session_id  # None: the server has none yet.
        self.new = session_id is None
        self.accessed = False
        self.subject: Optional[str] = None  # Whose session it is; counts with the next new id.
        self.label: Optional[str] = None
        self._is_to_rotate = False
        self._is_touched = False
        self._has_failed = False
        self._kept = kept  # As it came: what is taken from it has values of its own.
        self._was_permanent = bool(dict.get(self, "_permanent", False))

    # Flask before 3.1.3 leaves it to the session to say that it was used.

    def __getitem__(self, key: str) -> Any:
        self.accessed = True
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.accessed = True
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.accessed = True
        return super().get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        self.accessed = True
        return super().setdefault(key, default)

    @property
    def modified(self) -> bool:
        return bool(self.changes())

    @modified.setter
    def modified(self, value: bool) -> None:
        """Flask and others set it; what has changed is seen without."""

    def changes(self) -> Dict[str, Any]:
        """A merge patch: what has to be done to what was read."""
        patch: Dict[str, Any] = {name: None for name in self._kept if name not in self}
        appended: Dict[str, Any] = {}
        for name, value in self.items():
            kept = self._kept.get(name, _ABSENT)
            if value is kept:
                continue  # Only what cannot change within is taken over as it came.
            if kept is not _ABSENT and _is_same(_to_wire(name, value), kept):
                continue
            text = _text(name, value)
            if kept is not _ABSENT and text == _encode(kept):
                continue
            has = json.loads(text)
            if _is_longer_list(kept, has):
                appended[name] = has[len(kept):]
            else:
                patch[name] = has
        if appended:
            patch["$append"] = appended
        return patch

    def data(self) -> Dict[str, Any]:
        return {name: json.loads(_text(name, value)) for name, value in self.items()}


def _is_same(one: Any, other: Any) -> bool:
    """Whether both are the same text for certain; what is of other types may be, too."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(_is_same, one.values(), other.values()))
    if isinstance(one, float):
        return repr(one) == repr(other)  # 0.0 is not -0.0.
    return bool(one == other)


def _is_longer_list(had: Any, has: Any) -> bool:
    """Whether elements were added at the end of a list and nothing else was done to it."""
    if not (isinstance(had, list) and isinstance(has, list)):
        return False
    return len(has) > len(had) > 0 and has[:len(had)] == had and had[0] != _OPAQUE


class UnavailableSession(SessionMixin):
    """What a request has while nobody can say whose it is: using it raises.  A view that does not
    use it works."""

    modified = False
    accessed = False
    new = False

    def __init__(self, cause: errors.Unavailable) -> None:
        self._cause = cause

    def _fail(self, *_: Any) -> NoReturn:
        raise SessionUnavailable(str(self._cause), self._cause.retry_after) from self._cause

    __getitem__ = __setitem__ = __delitem__ = __contains__ = _fail
    __iter__ = __len__ = __bool__ = _fail
    permanent = property(_fail, _fail)


class HeadraceSessionInterface(SessionInterface):
    """`idle_timeout` and `absolute_timeout`, in seconds, are of sessions that are not permanent;
    a permanent one is idle for at most Flask's PERMANENT_SESSION_LIFETIME.

    The cookie is Secure and HttpOnly, SameSite=Lax if SESSION_COOKIE_SAMESITE does not say
    otherwise, and named __Host-session, unless SESSION_COOKIE_NAME names it, it has a domain or a
    path, or it is not secure."""

    session_class = HeadraceSession
    pickle_based = False

    def __init__(self, client: SessionClient, *, cookie_name: Optional[str] = None,
                 secure: bool = True, idle_timeout: float = IDLE_SECONDS,
                 absolute_timeout: float = ABSOLUTE_SECONDS,
                 grace: float = GRACE_SECONDS) -> None:
        self._client = client
        self._cookie_name = cookie_name
        self._secure = secure
        self._idle_timeout = idle_timeout
        self._absolute_timeout = absolute_timeout
        self._grace = grace

    # What an application calls.

    def regenerate(self, session: HeadraceSession, subject: Optional[str] = None,
                   label: Optional[str] = None) -> None:
        """Gives the session a new id at the end of this request; call it at each login, and
        whenever rights change.  `subject` names whose it is from then on."""
        session._is_to_rotate = True
        session.subject = subject
        session.label = label

    def revoke(self, subject: str, keep: Optional[HeadraceSession] = None) -> int:
        """Ends all sessions of a subject, but that one."""
        kept = None if keep is None else keep.id  # An empty session is false.
        return _asked(lambda: self._client.revoke(subject, kept))

    # The cookie.

    def get_cookie_name(self, app: Flask) -> str:
        if self._cookie_name:
            return self._cookie_name
        configured: str = app.config["SESSION_COOKIE_NAME"]
        is_host_alone = (self.get_cookie_secure(app) and self.get_cookie_domain(app) is None
                         and self.get_cookie_path(app) == "/")
        return SECURE_NAME if configured == "session" and is_host_alone else configured

    def get_cookie_secure(self, app: Flask) -> bool:
        return self._secure or bool(app.config["SESSION_COOKIE_SECURE"])

    def get_cookie_samesite(self, app: Flask) -> Optional[str]:
        return app.config["SESSION_COOKIE_SAMESITE"] or "Lax"

    def _cookie_attributes(self, app: Flask) -> Dict[str, Any]:
        attributes = {"domain": self.get_cookie_domain(app), "path": self.get_cookie_path(app),
                      "secure": self.get_cookie_secure(app),
                      "httponly": self.get_cookie_httponly(app),
                      "samesite": self.get_cookie_samesite(app)}
        if hasattr(self, "get_cookie_partitioned") and self.get_cookie_partitioned(app):
            attributes["partitioned"] = True
        return attributes

    # What Flask calls.

    def open_session(self, app: Flask, request: Request) -> Any:
        session_id = request.cookies.get(self.get_cookie_name(app), "")
        if not ID_PATTERN.fullmatch(session_id):
            return self.session_class()
        try:
            found = self._client.read(session_id)
        except errors.Unavailable as error:
            return UnavailableSession(error)
        if found is None:  # An id that the server does not know is nobody's, and never taken on.
            return self.session_class()
        session = self.session_class(session_id, found.data)
        session._is_touched = found.touched
        return session

    def save_session(self, app: Flask, session: Any, response: Response) -> None:
        if isinstance(session, UnavailableSession):
            return
        if session.accessed or session._is_to_rotate:
            _vary(response)
        if session._has_failed:
            return  # This is the answer that says so.
        try:
            _asked(lambda: self._save(app, session, response))
        except SessionUnavailable:
            session._has_failed = True
            raise

    def _save(self, app: Flask, session: HeadraceSession, response: Response) -> None:
        changes = session.changes()
        if session.id is None and not set(session) - {"_permanent"}:
            return  # Nobody has kept anything yet.
        if not session and changes:
            self._client.destroy(session.id or "")
            self._forget(app, session, response)
            return
        is_new_id = (session.id is None or session._is_to_rotate
                     or session.permanent != session._was_permanent)
        try:
            lives = self._keep(app, session, changes, is_new_id)
        except errors.SessionDestroyed:
            lives = False  # Another request has logged out meanwhile, and that stands.
        if not lives:
            self._forget(app, session, response)
        elif is_new_id or (session.permanent and (changes or session._is_touched)):
            # The cookie is sent again only when this has moved the end of the session.
            response.set_cookie(self.get_cookie_name(app), session.id or "",
                                expires=self.get_expiration_time(app, session),
                                **self._cookie_attributes(app))
            _vary(response)

    def _keep(self, app: Flask, session: HeadraceSession, changes: Dict[str, Any],
              is_new_id: bool) -> bool:
        """Whether there still is such a session."""
        idle, absolute = self._timeouts(app, session)
        if session.id is None:
            begun = self._client.create(session.data(), subject=session.subject,
                                        label=session.label, idle_timeout=idle,
                                        absolute_timeout=absolute)
            session.id = begun.id
            return True
        if is_new_id:
            rotated = self._client.rotate(session.id, grace=self._grace, subject=session.subject,
                                          label=session.label, idle_timeout=idle,
                                          absolute_timeout=absolute)
            if rotated is None:
                return False
            session.id = rotated.id
        return not changes or self._client.merge(session.id, changes) is not None

    def _timeouts(self, app: Flask, session: HeadraceSession) -> Tuple[float, float]:
        if not session.permanent:
            return min(self._idle_timeout, self._absolute_timeout), self._absolute_timeout
        lifetime = app.permanent_session_lifetime.total_seconds()
        return lifetime, max(self._absolute_timeout, lifetime)

    def _forget(self, app: Flask, session: HeadraceSession, response: Response) -> None:
        session.id = None
        response.delete_cookie(self.get_cookie_name(app), **self._cookie_attributes(app))
        _vary(response)


def _vary(response: Response) -> None:
    """Says that the answer is of this cookie's alone."""
    if "Vary" in response.headers:
        response.vary.add("Cookie")
    else:
        response.headers["Vary"] = "Cookie"  # Which is what that would say, without parsing it.


def _asked(ask: Callable[[], Answer]) -> Answer:
    try:
        return ask()
    except errors.Unavailable as error:
        raise SessionUnavailable(error.reason, error.retry_after) from error
