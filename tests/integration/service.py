"""What tests of the cache service share: servers that want keys, tenants, and pipelines."""

import json
import socket

import harness


class Pipeline:
    """Requests over one connection, sent many at a time; replies in their order."""

    def __init__(self, port, key=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=harness.SECONDS_MAX)
        self.key = f"Authorization: Bearer {key}\r\n" if key else ""
        self.held = b""

    def request(self, method, path, body=None):
        body = "" if body is None else json.dumps(body)
        kind = "Content-Type: application/json\r\n" if body else ""
        return (f"{method} {path} HTTP/1.1\r\nHost: test\r\n{self.key}{kind}"
                f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

    def ask_all(self, requests):
        """The statuses of those that were answered: fewer than asked if the server went away."""
        statuses = []
        try:
            self.socket.sendall(b"".join(requests))
            while len(statuses) < len(requests):
                reply = self._reply()
                if reply is None:
                    break
                statuses.append(reply)
        except OSError:
            pass
        return statuses

    def _reply(self):
        while (end := self.held.find(b"\r\n\r\n")) < 0:
            if not self._more():
                return None
        head = self.held[:end].decode("latin-1")
        size = 0
        for line in head.split("\r\n")[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                size = int(value)
        while len(self.held) < end + 4 + size:
            if not self._more():
                return None
        self.held = self.held[end + 4 + size:]
        return int(head.split(" ", 2)[1])

    def _more(self):
        got = self.socket.recv(1 << 16)
        self.held += got
        return bool(got)


class Resp:
    """The protocol of Redis, as bytes: what a server answers, whole."""

    def __init__(self, port, key):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=harness.SECONDS_MAX)
        self.file = self.socket.makefile("rb")
        assert self.ask("AUTH", key) == b"+OK\r\n"

    def close(self):
        self.file.close()
        self.socket.close()

    def ask(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) +
                            b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self._reply()

    def _reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:].strip()
        if kind in (b"$", b"=") and rest != b"-1":
            return line + self.file.read(int(rest) + 2)
        if kind in (b"*", b"%", b"~", b">") and rest != b"-1":
            count = int(rest) * (2 if kind == b"%" else 1)
            return line + b"".join(self._reply() for _ in range(count))
        return line


class ServiceCase(harness.Case):
    """Servers whose clients need keys."""

    store = ""  # [store], if records are to be where others can reach them.

    def start(self):
        root = self.folder / "root.key"
        self.standard(data=not self.store, top=f'resp_listen = "tcp://127.0.0.1:0"\n'
                      f'{self.store}\n[service]\nkeys_required = true\nroot_key_file = "{root}"\n')
        server = self.serve()
        self.root = root.read_text(encoding="utf-8").strip()
        return server

    def admin(self, server, method, path, body=None):
        status, _, said = server.ask(method, "/v1/admin" + path, body,
                                     {"Authorization": f"Bearer {self.root}"})
        self.assertIn(status, (200, 201, 204), said)
        return json.loads(said) if said else None

    def tenant(self, server, name, **key):
        """A tenant's first key: its text and its id."""
        self.admin(server, "POST", "/tenants", {"name": name})
        return self.key(server, name, **key)

    def resp(self, server, key):
        """A connection that ends with the test."""
        client = Resp(server.resp_port, key)
        self.addCleanup(client.close)
        return client

    def key(self, server, name, **key):
        made = self.admin(server, "POST", "/keys", {"tenant": name, **key})
        return made["key"], made["key_id"]
