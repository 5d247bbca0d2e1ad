"""One connection of HTTP/1.1: a request goes out in one piece, and its answer is read to its end.

It is of one caller at a time.  What goes wrong is an OSError: NotSent if no byte has reached the
server, BadAnswer if what came is no HTTP.
"""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

HEAD_BYTES_MAX = 64 << 10
ANSWER_BYTES_MAX = 64 << 20
PART_BYTES = 1 << 16

_UNSOUND = re.compile(r"[\0-\x20\x7f]")  # In what is asked for; it would end the line early.
_LINE_ENDS = re.compile(r"[\0\r\n]")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: |\r|$)")


class NotSent(OSError):
    """No byte of the request has reached the server."""


class BadAnswer(OSError):
    """What came is no answer of HTTP/1.1, or larger than its limit."""


class Raw(NamedTuple):
    status: int
    headers: Dict[str, str]  # By names in lower case; those that come twice are one list.
    body: bytes


def fields_of(headers: Mapping[str, str]) -> bytes:
    """Headers as they are sent."""
    for name, value in headers.items():
        if _UNSOUND.search(name) or ":" in name or _LINE_ENDS.search(value):
            raise ValueError(f"the header {name!r} cannot be sent")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


class Connection:
    def __init__(self, host: str, port: int, patience: float,
                 context: Optional[ssl.SSLContext] = None) -> None:
        """Waits until it stands.  With a context it is TLS."""
        try:
            self._socket = socket.create_connection((host, port), timeout=patience)
        except OSError as error:
            raise NotSent(str(error)) from error
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                self._socket = context.wrap_socket(self._socket, server_hostname=host)
        except OSError as error:
            self._socket.close()
            raise NotSent(str(error)) from error
        self._held = b""  # Read, and not yet looked at.
        self.is_sound = False  # May be asked again: no answer is under way.
        self._poll: Any = None
        if hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)

    def close(self) -> None:
        self._socket.close()

    def has_ended(self) -> bool:
        """Nothing is due on an idle connection, so what can be read of it is its end."""
        if self._poll is not None:
            return bool(self._poll.poll(0))
        return bool(select.select([self._socket], [], [], 0)[0])

    def ask(self, method: str, path: str, fields: bytes, body: Optional[bytes],
            deadline: float) -> Raw:
        """`deadline` is of time.monotonic(), and holds for all of it."""
        if _UNSOUND.search(path):
            raise ValueError("what is asked for has a blank or a control character in it")
        request = f"{method} {path} HTTP/1.1\r\n".encode("ascii") + fields
        if body is not None:
            request += b"Content-Length: %d\r\n\r\n" % len(body) + body
        elif method in ("POST", "PUT", "PATCH"):
            request += b"Content-Length: 0\r\n\r\n"
        else:
            request += b"\r\n"
        self.is_sound = False
        patience = deadline - time.monotonic()
        if patience <= 0:
            raise NotSent("the time is over")
        self._socket.settimeout(patience)
        self._socket.sendall(request)
        status, headers, is_kept = self._head(deadline)
        while status < 200:  # Interim answers; 101 is never asked for.
            status, headers, is_kept = self._head(deadline)
        if method == "HEAD" or status in (204, 304):
            content: bytes = b""
        elif "transfer-encoding" in headers:
            if headers["transfer-encoding"].lower() != "chunked":
                raise BadAnswer("the answer is in a coding that was not asked for")
            content = self._chunks(deadline)
        elif "content-length" in headers:
            content = self._exactly(_size_of(headers["content-length"], 10), deadline)
        else:
            is_kept = False
            content = self._rest(deadline)
        self.is_sound = is_kept and not self._held
        return Raw(status, headers, content)

    def _head(self, deadline: float) -> Tuple[int, Dict[str, str], bool]:
        """The status, the headers, and whether the connection stays open."""
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > HEAD_BYTES_MAX:
                raise BadAnswer("the answer's head is larger than HEAD_BYTES_MAX")
            self._held += self._part(deadline)
        head, self._held = self._held[:end], self._held[end + 4:]
        found = _STATUS_LINE.match(head)
        if found is None:
            raise BadAnswer("the answer is not HTTP/1.1")
        headers: Dict[str, str] = {}
        for line in head.decode("latin-1").split("\r\n")[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name[0] in " \t" or name[-1] in " \t":
                raise BadAnswer("the answer has a header that is none")
            name, value = name.lower(), value.strip(" \t")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        said = headers.get("connection", "").lower()
        is_kept = "close" not in said and (found[1] == b"1" or "keep-alive" in said)
        return int(found[2]), headers, is_kept

    def _part(self, deadline: float) -> bytes:
        patience = deadline - time.monotonic()
        if patience <= 0:
            raise TimeoutError("the answer came too slowly")
        self._socket.settimeout(patience)
        part = self._socket.recv(PART_BYTES)
        if not part:
            raise ConnectionResetError("the server has ended the connection")
        return part

    def _exactly(self, size: int, deadline: float) -> bytes:
        if size > ANSWER_BYTES_MAX:
            raise BadAnswer("the answer is larger than ANSWER_BYTES_MAX")
        if len(self._held) < size:
            parts, missing = [self._held], size - len(self._held)
            while missing > 0:
                parts.append(self._part(deadline))
                missing -= len(parts[-1])
            self._held = b"".join(parts)
        content, self._held = self._held[:size], self._held[size:]
        return content

    def _line(self, deadline: float) -> bytes:
        while (end := self._held.find(b"\r\n")) < 0:
            if len(self._held) > HEAD_BYTES_MAX:
                raise BadAnswer("a line of the answer is larger than HEAD_BYTES_MAX")
            self._held += self._part(deadline)
        line, self._held = self._held[:end], self._held[end + 2:]
        return line

    def _chunks(self, deadline: float) -> bytes:
        parts: List[bytes] = []
        left = ANSWER_BYTES_MAX
        while size := _size_of(self._line(deadline).split(b";")[0].decode("latin-1"), 16):
            left -= size
            if left < 0:
                raise BadAnswer("the answer is larger than ANSWER_BYTES_MAX")
            parts.append(self._exactly(size, deadline))
            if self._line(deadline):
                raise BadAnswer("a chunk of the answer is longer than it says")
        while self._line(deadline):
            pass  # Trailers say nothing that is asked for.
        return b"".join(parts)

    def _rest(self, deadline: float) -> bytes:
        """What comes until the server ends the connection."""
        parts, size = [self._held], len(self._held)
        self._held = b""
        while True:
            try:
                parts.append(self._part(deadline))
            except ConnectionResetError:
                return b"".join(parts)
            size += len(parts[-1])
            if size > ANSWER_BYTES_MAX:
                raise BadAnswer("the answer is larger than ANSWER_BYTES_MAX")


def _size_of(text: str, base: int) -> int:
    """Digits alone: neither signs nor blanks nor what Python adds to numbers."""
    text = text.strip(" \t")
    if not re.fullmatch("[0-9]{1,18}" if base == 10 else "[0-9A-Fa-f]{1,15}", text):
        raise BadAnswer("the answer does not say how long it is")
    return int(text, base)
