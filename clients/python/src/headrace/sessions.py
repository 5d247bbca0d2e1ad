"""Sessions of an application's users, by their ids.

An id is a secret of 256 bits.  It stays here: the server is only told its hash, the handle.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import urllib.parse
from datetime import datetime
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from .errors import SessionUnavailable, Unavailable
from .transport import Endpoint, Reply, is_absent, problem_of

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{43}")
OPERATORS = ("$incr", "$append")


def new_id() -> str:
    """256 bits that nobody can guess."""
    return secrets.token_urlsafe(32)


def handle_of(session_id: str) -> str:
    """What the server knows a session by."""
    digest = hashlib.sha256(session_id.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Ends(NamedTuple):
    version: str
    idle_expires_at: datetime
    absolute_expires_at: datetime


class Begun(NamedTuple):
    id: str
    handle: str
    ends: Ends


class Session(NamedTuple):
    data: Dict[str, Any]
    ends: Ends
    touched: bool  # This read has moved the idle deadline.
    subject: Optional[str]
    label: Optional[str]


class Listed(NamedTuple):
    handle: str  # Its first characters, to recognise it by.
    created_at: datetime
    last_seen_at: datetime
    label: Optional[str]


class SessionClient:
    """The sessions of one application.  Raises SessionUnavailable when nobody can say now,
    SessionDestroyed when a write comes too late, and else Refused."""

    def __init__(self, endpoint: Endpoint, app: str = "default") -> None:
        self._endpoint = endpoint
        self._path = "/v1/sessions/" + urllib.parse.quote(app, safe="")

    @classmethod
    def from_env(cls, app: str = "default", environ: Mapping[str, str] = os.environ,
                 **options: Any) -> "SessionClient":
        """Of HEADRACE_URL and HEADRACE_API_KEY."""
        return cls(Endpoint(environ["HEADRACE_URL"], environ.get("HEADRACE_API_KEY"), **options),
                   app)

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    def create(self, data: Mapping[str, Any], *, session_id: Optional[str] = None,
               idle_timeout: Optional[float] = None, absolute_timeout: Optional[float] = None,
               subject: Optional[str] = None, label: Optional[str] = None) -> Begun:
        """Begins a session; its id is made here, unless one is given."""
        made = session_id or new_id()
        handle = handle_of(made)
        body = _given(handle=handle, data=data, idle_timeout=idle_timeout,
                      absolute_timeout=absolute_timeout, subject=subject, label=label)
        reply = self._ask("POST", "", body, repeatable=True)
        if reply.status == 409 and session_id is None:
            # Nobody else has this handle: an answer was lost, and this is the second request.
            found = self.read(made, touch=False)
            if found is not None:
                return Begun(made, handle, found.ends)
        return Begun(made, handle, _ends(_sound(reply).json()))

    def read(self, session_id: str, touch: bool = True) -> Optional[Session]:
        """None if there is no such session.  `touch` also keeps it alive, which is a write only
        once a tenth of the idle time is over."""
        path = "/" + handle_of(session_id) + ("?touch=lazy" if touch else "")
        reply = self._ask("GET", path)
        if is_absent(reply):
            return None
        said = _sound(reply).json()
        return Session(said["data"], _ends(said), said.get("touched", False),
                       said.get("subject"), said.get("label"))

    def merge(self, session_id: str, patch: Mapping[str, Any],
              if_version: Optional[str] = None) -> Optional[Ends]:
        """Changes the fields that the patch names (RFC 7396: None deletes, objects merge;
        "$incr" and "$append" add).  None if there is no such session."""
        repeatable = not any(operator in patch for operator in OPERATORS) and if_version is None
        return self._write("PATCH", session_id, "", patch, if_version, repeatable)

    def replace(self, session_id: str, data: Mapping[str, Any],
                if_version: Optional[str] = None) -> Optional[Ends]:
        return self._write("PUT", session_id, "", {"data": data}, if_version, if_version is None)

    def touch(self, session_id: str) -> bool:
        """Keeps it alive.  False if there is no such session."""
        reply = self._ask("POST", f"/{handle_of(session_id)}/touch")
        if is_absent(reply):
            return False
        _sound(reply)
        return True

    def rotate(self, session_id: str, *, grace: float = 10.0, subject: Optional[str] = None,
               label: Optional[str] = None, idle_timeout: Optional[float] = None,
               absolute_timeout: Optional[float] = None) -> Optional[Begun]:
        """Gives it a new id.  For `grace` seconds the old one still answers reads, and one write.
        None if there is no such session.  A timeout that is given begins anew."""
        made = new_id()
        body = _given(new_handle=handle_of(made), grace_ms=round(grace * 1000), subject=subject,
                      label=label, idle_timeout=idle_timeout, absolute_timeout=absolute_timeout)
        ends = self._write("POST", session_id, "/rotate", body, None, False)
        return None if ends is None else Begun(made, handle_of(made), ends)

    def destroy(self, session_id: str) -> bool:
        """Once this returns it is gone for good.  False if there was none."""
        return bool(_sound(self._ask("DELETE", "/" + handle_of(session_id))).json()["deleted"])

    def list(self, subject: str) -> List[Listed]:
        reply = self._ask("GET", "?subject=" + urllib.parse.quote(subject, safe=""))
        return [Listed(one["handle"], _time(one["created_at"]), _time(one["last_seen_at"]),
                       one.get("label")) for one in _sound(reply).json()["sessions"]]

    def revoke(self, subject: str, except_id: Optional[str] = None) -> int:
        """Ends all sessions of a subject, but that one; how many it was."""
        body = _given(subject=subject, **{"except": handle_of(except_id) if except_id else None})
        return int(_sound(self._ask("POST", "/revoke", body)).json()["revoked"])

    def _write(self, method: str, session_id: str, verb: str, body: Mapping[str, Any],
               if_version: Optional[str], repeatable: bool) -> Optional[Ends]:
        headers = {"If-Match": f'"{if_version}"'} if if_version else {}
        reply = self._ask(method, f"/{handle_of(session_id)}{verb}", body, headers, repeatable)
        return None if is_absent(reply) else _ends(_sound(reply).json())

    def _ask(self, method: str, path: str, body: Optional[Mapping[str, Any]] = None,
             headers: Optional[Mapping[str, str]] = None, repeatable: bool = True) -> Reply:
        sent = dict(headers or {})
        content = None
        if body is not None:
            content = json.dumps(body, allow_nan=False).encode()
            sent["Content-Type"] = ("application/merge-patch+json" if method == "PATCH"
                                    else "application/json")
        try:
            return self._endpoint.ask(method, self._path + path, content, sent, repeatable)
        except Unavailable as error:
            raise SessionUnavailable(f"sessions are unavailable: {error.reason}",
                                     error.retry_after) from error


def _given(**members: Any) -> Dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _sound(reply: Reply) -> Reply:
    if reply.status >= 300:
        raise problem_of(reply)
    return reply


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _ends(said: Mapping[str, Any]) -> Ends:
    return Ends(said["version"], _time(said["idle_expires_at"]),
                _time(said["absolute_expires_at"]))
