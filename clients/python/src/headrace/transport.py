"""One server: connections that are kept, retries within one deadline, and a breaker.

An endpoint may be used by many threads.  It keeps at most `connections_max` idle connections, and
has no more than that open at once: who comes then waits for one, within the deadline.
"""

from __future__ import annotations

import json
import random
import ssl
import threading
import time
import urllib.parse
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .connection import Connection, NotSent, fields_of
from .errors import Conflict, PreconditionFailed, Refused, SessionDestroyed, Unavailable

RETRIES_MAX = 2  # Of what may be sent again.
PAUSE_MIN = 0.025  # Seconds; the next pause is at most twice as long ...
PAUSE_MAX = 0.4  # ... and never longer than this.
IDLE_MAX = 30.0  # Seconds; older connections may be closed by the server at any moment.
TRANSIENT = frozenset({502, 503, 504})


class Reply(NamedTuple):
    status: int
    headers: Dict[str, str]  # By names in lower case.
    body: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            raise Unavailable("the server's answer is not JSON") from None


class Breaker:
    """Fails fast: opens after `failures_max` failures within `window` seconds, and then lets one
    probe through each `pause` seconds until one succeeds."""

    def __init__(self, failures_max: int = 5, window: float = 1.0, pause: float = 1.0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._failures_max = failures_max
        self._window = window
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: List[float] = []
        self._probe_at: Optional[float] = None  # Open, if not None.

    @property
    def state(self) -> str:
        """"closed", "open" or "half-open"."""
        with self._lock:
            if self._probe_at is None:
                return "closed"
            return "half-open" if self._clock() >= self._probe_at else "open"

    def admits(self) -> bool:
        with self._lock:
            if self._probe_at is None:
                return True
            now = self._clock()
            if now < self._probe_at:
                return False
            self._probe_at = now + self._pause  # This one is the probe.
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._failures.clear()
            self._probe_at = None

    def failed(self) -> None:
        with self._lock:
            now = self._clock()
            self._failures = [at for at in self._failures if now - at < self._window]
            self._failures.append(now)
            del self._failures[:-self._failures_max]
            if self._probe_at is not None or len(self._failures) == self._failures_max:
                self._probe_at = now + self._pause


class _Pool:
    """Connections of one server, the last one used first."""

    def __init__(self, open_one: Callable[[float], Connection], connections_max: int) -> None:
        self._open_one = open_one
        self._free = threading.BoundedSemaphore(connections_max)
        self._lock = threading.Lock()
        self._idle: List[Tuple[Connection, float]] = []

    def take(self, deadline: float) -> Connection:
        if not self._free.acquire(blocking=False):
            if not self._free.acquire(timeout=max(deadline - time.monotonic(), 0)):
                raise NotSent("all connections are in use (connections_max)")
        try:
            return self._kept() or self._open(deadline)
        except BaseException:
            self._free.release()
            raise

    def _kept(self) -> Optional[Connection]:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, since = self._idle.pop()
            if time.monotonic() - since < IDLE_MAX and not connection.has_ended():
                return connection
            connection.close()

    def _open(self, deadline: float) -> Connection:
        return self._open_one(max(deadline - time.monotonic(), 0.001))

    def give_back(self, connection: Connection) -> None:
        if connection.is_sound:
            with self._lock:
                self._idle.append((connection, time.monotonic()))
        else:
            connection.close()
        self._free.release()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()


class Endpoint:
    """A server and the key to it.  `timeout` is in seconds, and of a whole call."""

    def __init__(self, url: str, api_key: Optional[str] = None, timeout: float = 1.0,
                 connections_max: int = 16, retries_max: int = RETRIES_MAX,
                 breaker: Optional[Breaker] = None,
                 context: Optional[ssl.SSLContext] = None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the endpoint must be http://HOST[:PORT] or https://HOST[:PORT]")
        self.timeout = timeout
        self.breaker = breaker or Breaker()
        self._prefix = parts.path.rstrip("/")
        self._retries_max = retries_max
        host, port = parts.hostname, parts.port or (80 if parts.scheme == "http" else 443)
        headers = {"Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._fields = fields_of(headers)
        if parts.scheme == "https" and context is None:
            context = ssl.create_default_context()
        tls = context if parts.scheme == "https" else None
        self._pool = _Pool(lambda patience: Connection(host, port, patience, tls),
                           connections_max)

    def close(self) -> None:
        self._pool.close()

    def ask(self, method: str, path: str, body: Optional[bytes] = None,
            headers: Optional[Mapping[str, str]] = None, repeatable: bool = True) -> Reply:
        """An answer below 500, or Unavailable.  What is not repeatable is sent again only if it
        never reached the server."""
        deadline = time.monotonic() + self.timeout
        fields = self._fields + fields_of(headers) if headers else self._fields
        for attempt in range(self._retries_max + 1):
            if not self.breaker.admits():
                raise Unavailable("the server has failed several times just now; "
                                  "the circuit breaker is open")
            pause = 0.0
            try:
                reply = self._ask_once(method, self._prefix + path, fields, body, deadline)
            except OSError as error:
                self.breaker.failed()
                failure = Unavailable(f"{type(error).__name__} while asking the server")
                failure.__cause__ = error
                again = repeatable or isinstance(error, NotSent)
            else:
                if reply.status not in TRANSIENT and reply.status < 500:
                    self.breaker.succeeded()
                    return reply
                self.breaker.failed()
                failure, again = _unavailable(reply), repeatable and reply.status in TRANSIENT
                pause = failure.retry_after or 0.0
            pause = max(pause, random.uniform(PAUSE_MIN, min(PAUSE_MAX,
                                                             2 * PAUSE_MIN * 2 ** attempt)))
            if not again or attempt == self._retries_max or time.monotonic() + pause >= deadline:
                raise failure
            time.sleep(pause)
        raise AssertionError("unreachable")

    def _ask_once(self, method: str, path: str, fields: bytes, body: Optional[bytes],
                  deadline: float) -> Reply:
        connection = self._pool.take(deadline)
        try:
            return Reply(*connection.ask(method, path, fields, body, deadline))
        finally:
            self._pool.give_back(connection)


def _unavailable(reply: Reply) -> Unavailable:
    problem = problem_of(reply)
    try:
        retry_after: Optional[float] = float(reply.headers.get("retry-after", ""))
    except ValueError:
        retry_after = None
    return Unavailable(f"{reply.status} {problem.code}", retry_after)


def problem_of(reply: Reply) -> Refused:
    """What an answer that is an error says, as an exception."""
    code, detail = "unknown", ""
    try:
        document = json.loads(reply.body)
        code, detail = str(document["code"]), str(document.get("detail", ""))
    except (ValueError, KeyError, TypeError):
        pass  # Something between here and the server has answered.
    kind = {409: Conflict, 410: SessionDestroyed, 412: PreconditionFailed}.get(
        reply.status, Refused)
    return kind(reply.status, code, detail)


def is_absent(reply: Reply) -> bool:
    """Whether there is no such thing.  A 404 that Headrace has not said so is an error."""
    return reply.status == 404 and problem_of(reply).code == "not-found"
