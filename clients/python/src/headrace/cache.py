"""A cache of JSON values: keys of one namespace, each with a time to live.

    cache = CacheClient.from_env()
    cache.set("user:42", {"name": "Ada"}, ttl=60)
    match cache.lookup("user:42"):
        case Hit(value): ...
        case Miss(): ...
        case Unavailable(): ...
"""

from __future__ import annotations

import enum
import json
import os
import re
import threading
import urllib.parse
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Optional, Union

from .errors import CacheUnavailable, Unavailable
from .transport import Endpoint, Reply, is_absent, problem_of

LOCKS_MAX = 1024  # Keys that are computed at once; of more, two may share a lock.


class ServerTtl(enum.Enum):
    """How long the server keeps a value of which nobody says how long."""
    DEFAULT = "default"


# Seconds; None: for good, if the server allows it.
Ttl = Union[None, float, ServerTtl]


@dataclass(frozen=True)
class Hit:
    """It is there; a value may be None."""
    value: Any
    age: Optional[float] = None  # Seconds since it was written.
    ttl: Optional[float] = None  # Seconds until it ends; None: it does not.
    version: Optional[str] = None
    stale: bool = False


@dataclass(frozen=True)
class Miss:
    """It is not there."""


class CacheClient:
    """Values of one namespace.  May be used by many threads.

    Raises CacheUnavailable when nobody can say now.  With on_error="miss" a read answers then as
    if there were nothing, and a write says that it has done nothing."""

    def __init__(self, api_key: Optional[str] = None, endpoint: str = "http://127.0.0.1:8080",
                 namespace: str = "default", timeout: float = 1.0, on_error: str = "raise",
                 **options: Any) -> None:
        if on_error not in ("raise", "miss"):
            raise ValueError('on_error is "raise" or "miss"')
        self._endpoint = Endpoint(endpoint, api_key, timeout, **options)
        self._namespace = urllib.parse.quote(namespace, safe="")
        self._is_lenient = on_error == "miss"
        self._locks: "OrderedDict[str, threading.Lock]" = OrderedDict()
        self._locks_lock = threading.Lock()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **options: Any) -> "CacheClient":
        """Of HEADRACE_URL, HEADRACE_API_KEY and HEADRACE_NAMESPACE."""
        return cls(environ.get("HEADRACE_API_KEY"),
                   environ.get("HEADRACE_URL", "http://127.0.0.1:8080"),
                   environ.get("HEADRACE_NAMESPACE", "default"), **options)

    @property
    def endpoint(self) -> Endpoint:
        return self._endpoint

    def close(self) -> None:
        self._endpoint.close()

    # What is there, with all that is known of it.

    def lookup(self, key: str) -> Union[Hit, Miss, Unavailable]:
        """Never raises for an outage: that is one of the three answers."""
        try:
            reply = self._ask("GET", "kv", key)
        except CacheUnavailable as error:
            return error
        if is_absent(reply):
            return Miss()
        return _hit_of(_sound(reply))

    # By value.

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or `default` if there is none."""
        found = self.lookup(key)
        if isinstance(found, Unavailable):
            if self._is_lenient:
                return default
            raise found
        return found.value if isinstance(found, Hit) else default

    def set(self, key: str, value: Any, ttl: Ttl = ServerTtl.DEFAULT,
            if_absent: bool = False) -> bool:
        """Keeps a value of JSON.  False only if it was to be made, and is there already."""
        headers = {"Content-Type": "application/json"}
        if if_absent:
            headers["If-None-Match"] = "*"
        query = ""
        if not isinstance(ttl, ServerTtl):
            query = "?ttl=" + ("none" if ttl is None else f"{ttl:.3f}")
        body = json.dumps(value, allow_nan=False).encode()
        reply = self._tolerant("PUT", "kv", key, query, body, headers, repeatable=not if_absent)
        if reply is None or (if_absent and reply.status == 412):
            return False
        _sound(reply)
        return True

    def delete(self, key: str) -> bool:
        """Whether there was one."""
        reply = self._tolerant("DELETE", "kv", key)
        return reply is not None and bool(_sound(reply).json()["deleted"])

    def exists(self, key: str) -> bool:
        reply = self._tolerant("GET", "exists", key)
        return reply is not None and bool(_sound(reply).json()["exists"])

    def update_access_time(self, key: str) -> bool:
        """Counts as a read.  Whether there is one."""
        return self._is_there(self._tolerant("HEAD", "kv", key))

    def touch(self, key: str, ttl: float) -> bool:
        """Moves its end.  Whether there is one."""
        return self._is_there(self._tolerant("POST", "touch", key, f"?ttl={ttl:.3f}"))

    def get_metadata(self, key: str) -> Optional[Dict[str, Any]]:
        """Its times and size; no access.  None if there is none."""
        reply = self._tolerant("GET", "meta", key)
        if reply is None or is_absent(reply):
            return None
        metadata: Dict[str, Any] = _sound(reply).json()
        return metadata

    def cleanup_expired(self) -> int:
        """What has expired is not there, whether or not it was cleaned up: the server frees it by
        itself, so this has nothing to do."""
        return 0

    def get_or_fetch(self, key: str, fetch: Callable[[], Any],
                     ttl: Ttl = ServerTtl.DEFAULT) -> Any:
        """The value; if there is none, what `fetch` returns, which is kept.  One thread of this
        process at a time fetches a key.  Without the server every call fetches."""
        found = self.lookup(key)
        if isinstance(found, Hit):
            return found.value
        with self._lock_of(key):
            if isinstance(found, Miss):
                found = self.lookup(key)  # Another thread may have been first.
                if isinstance(found, Hit):
                    return found.value
            value = fetch()
            if isinstance(found, Miss):
                try:
                    self.set(key, value, ttl)
                except Unavailable:
                    pass  # The value is right all the same.
            return value

    def _lock_of(self, key: str) -> threading.Lock:
        with self._locks_lock:
            lock = self._locks.setdefault(key, threading.Lock())
            self._locks.move_to_end(key)
            if len(self._locks) > LOCKS_MAX:
                self._locks.popitem(last=False)
            return lock

    @staticmethod
    def _is_there(reply: Optional[Reply]) -> bool:
        if reply is None or is_absent(reply) or (reply.status == 404 and not reply.body):
            return False  # An answer to HEAD has no body.
        _sound(reply)
        return True

    def _ask(self, method: str, verb: str, key: str, query: str = "", body: Optional[bytes] = None,
             headers: Optional[Mapping[str, str]] = None, repeatable: bool = True) -> Reply:
        path = f"/v1/{verb}/{self._namespace}/{urllib.parse.quote(key, safe='')}{query}"
        try:
            return self._endpoint.ask(method, path, body, headers, repeatable)
        except Unavailable as error:
            raise CacheUnavailable(f"the cache is unavailable: {error.reason}",
                                   error.retry_after) from error

    def _tolerant(self, *asked: Any, **more: Any) -> Optional[Reply]:
        """None instead of an outage, where that is wanted."""
        try:
            return self._ask(*asked, **more)
        except CacheUnavailable:
            if self._is_lenient:
                return None
            raise


def _sound(reply: Reply) -> Reply:
    if reply.status >= 300:
        raise problem_of(reply)
    return reply


def _number(text: Optional[str], scale: float = 1.0) -> Optional[float]:
    try:
        return float(text) * scale if text else None
    except ValueError:
        return None


def _hit_of(reply: Reply) -> Hit:
    is_json = re.match(r"application/(\S+\+)?json\b", reply.headers.get("content-type", ""))
    return Hit(value=reply.json() if is_json else reply.body,
               age=_number(reply.headers.get("age")),
               ttl=_number(reply.headers.get("expires-in"), 0.001),
               version=(reply.headers.get("etag") or "").strip('"') or None,
               stale="detail=stale" in reply.headers.get("cache-status", ""))


_service: Optional[CacheClient] = None
_service_lock = threading.Lock()


def get_cache_service() -> CacheClient:
    """The client of this process, made from the environment at the first use."""
    global _service
    with _service_lock:
        if _service is None:
            _service = CacheClient.from_env()
        return _service
