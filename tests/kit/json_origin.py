"""A small HTTP/JSON server for tests, that can behave badly.  It prints its port, then serves.

The first segment of a path says how to answer, the last is the entity:
  /ok/E           JSON with an ETag; 304 if that ETag is named; 404 for "nobody", null for "null"
  /set/E/VALUE    changes what /ok/E says
  /status-N/E     that status, with a Retry-After for 429 and 503 if the entity is a number
  /flaky-N/E      status 500 for the first N requests of the entity, then as /ok
  /hang/E         never answers;  /slow/E: as /ok, after 20 ms
  /garbage/E      no JSON;  /array/E: JSON that is no object
  /huge/E         a body of a few megabytes
  /cut/E          hangs up in the middle of the body;  /mute/E: hangs up before any byte
  /nothttp/E      bytes that are no HTTP
  /drop/E         answers, then hangs up without having said so
  /once/E         as /ok, and hangs up on the second request of a connection
  /moved/E        redirects to /ok/E
  /echo/E         what was asked: path and headers
  /counts/E       how many requests and connections there were
"""

import json
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

lock = threading.Lock()
counts = {"requests": 0, "connections": 0, "conditional": 0, "busy": 0, "busy_max": 0}
tries = {}
values = {}
released = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.served = 0
        with lock:
            counts["connections"] += 1

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def answer_json(self, value, headers=()):
        headers = [("Content-Type", "application/json"), *headers]
        self.answer(200, json.dumps(value).encode(), headers)

    def ok(self, entity):
        if entity == "nobody":
            return self.answer(404, b"no such user")
        if entity == "null":
            return self.answer_json(None)
        name = values.get(entity, "name of " + entity)
        etag = '"' + str(sum(name.encode())) + '"'
        if self.headers.get("If-None-Match"):
            counts["conditional"] += 1
        if self.headers.get("If-None-Match") == etag:
            return self.answer(304, headers=[("ETag", etag)])
        body = {"name": name, "secret": "s3cret", "address": {"city": "Ulm", "zip": "89073"}}
        self.answer_json(body, [("ETag", etag)])

    def do_GET(self):
        with lock:
            counts["requests"] += 1
        parts = self.path.strip("/").split("/")
        how, entity = parts[0], parts[-1]
        number = int(how.partition("-")[2] or 0)
        if how == "ok":
            self.ok(entity)
        elif how == "set":
            values[parts[1]] = entity
            self.answer_json({})
        elif how.startswith("status-"):
            wait = [("Retry-After", entity)] if number in (429, 503) and entity.isdigit() else []
            self.answer(number, b"trouble", wait)
        elif how.startswith("flaky-"):
            tries[entity] = tries.get(entity, 0) + 1
            self.answer(500, b"not yet") if tries[entity] <= number else self.ok(entity)
        elif how == "hang":
            released.wait()
        elif how == "slow":
            with lock:
                counts["busy"] += 1
                counts["busy_max"] = max(counts["busy_max"], counts["busy"])
            time.sleep(0.02)
            with lock:
                counts["busy"] -= 1
            self.ok(entity)
        elif how == "garbage":
            self.answer(200, b'{"name": oops}')
        elif how == "array":
            self.answer(200, b"[1, 2]")
        elif how == "huge":
            self.answer(200, b'{"name": "' + b"x" * (4 << 20) + b'"}')
        elif how == "cut":
            self.answer(200, b'{"name": ', length=100)
            self.close_connection = True
        elif how == "mute":
            self.close_connection = True
        elif how == "nothttp":
            self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
            self.close_connection = True
        elif how == "drop":
            self.ok(entity)
            self.close_connection = True
        elif how == "once":
            self.served += 1
            if self.served == 1:
                self.ok(entity)
            self.close_connection = self.served > 1
        elif how == "moved":
            self.answer(302, headers=[("Location", "/ok/" + entity)])
        elif how == "echo":
            self.answer_json({"path": self.path, "headers": dict(self.headers)})
        elif how == "counts":
            self.answer_json(counts)
        else:
            self.answer(404)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


def main():
    server = Server(("127.0.0.1", 0), Handler)
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    # Whoever started this holds the other end: it ends with him.
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever(poll_interval=0.05)


main()
