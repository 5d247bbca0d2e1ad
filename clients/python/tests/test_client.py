"""The transport and the clients, against a server that says what the test wants."""

import json
import socket
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import headrace
from headrace import (Breaker, CacheClient, CacheUnavailable, Endpoint, Hit, Miss, SessionClient,
                      SessionDestroyed, SessionUnavailable, Unavailable, handle_of, new_id)

PATIENT = 20.0


class Scripted:
    """Answers one after the other: (status, headers, body), or None to hang up."""

    def __init__(self, case, *answers):
        asked = self.asked = []
        script = list(answers)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked.append((f"{self.command} {self.path}", dict(self.headers), body,
                              self.client_address))
                answer = script.pop(0) if script else None
                if answer is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_HEAD = answer

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        case.addCleanup(server.server_close)
        case.addCleanup(thread.join)
        case.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}"


def problem(status, code, **headers):
    return status, headers, json.dumps({"code": code, "detail": "why"}).encode()


def ok(value, **headers):
    return 200, {"Content-Type": "application/json", **headers}, json.dumps(value).encode()


class CacheCase(unittest.TestCase):
    def cache(self, *answers, **options):
        self.server = Scripted(self, *answers)
        cache = CacheClient("k", self.server.url, **{"timeout": PATIENT, **options})
        self.addCleanup(cache.close)
        return cache


class Transport(CacheCase):
    def test_what_may_be_repeated_is_asked_again(self):
        cache = self.cache(problem(503, "overloaded"), None, ok({"exists": True}))
        self.assertTrue(cache.exists("a/b"))
        line, headers, _, _ = self.server.asked[2]
        self.assertEqual(line, "GET /v1/exists/default/a%2Fb")
        self.assertEqual(headers["Authorization"], "Bearer k")

    def test_tries_have_a_limit(self):
        cache = self.cache(*[problem(503, "overloaded")] * 5)
        with self.assertRaisesRegex(CacheUnavailable, "503 overloaded"):
            cache.get("k")
        self.assertEqual(len(self.server.asked), 3)

    def test_a_write_that_adds_is_not_sent_twice(self):
        server = Scripted(self, None, ok({}))
        endpoint = Endpoint(server.url, timeout=PATIENT)
        self.addCleanup(endpoint.close)
        sessions = SessionClient(endpoint, "web")
        with self.assertRaises(SessionUnavailable):
            sessions.merge("id", {"$incr": {"n": 1}})
        self.assertEqual(len(server.asked), 1)

    def test_what_never_reached_the_server_is_sent_again(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        breaker = Breaker(failures_max=3)
        sessions = SessionClient(Endpoint(f"http://127.0.0.1:{port}", timeout=PATIENT,
                                          breaker=breaker), "web")
        with self.assertRaises(SessionUnavailable):
            sessions.merge("id", {"$incr": {"n": 1}})
        self.assertEqual(breaker.state, "open")  # By three tries.

    def test_one_deadline_holds_for_all_tries(self):
        late = problem(503, "overloaded", **{"Retry-After": "60"})
        cache = self.cache(late, late)
        with self.assertRaises(Unavailable) as raised:
            cache.get("k")
        self.assertEqual(raised.exception.retry_after, 60)
        self.assertEqual(len(self.server.asked), 1)

    def test_a_server_that_says_nothing_is_unavailable(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            cache = CacheClient(None, f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05)
            with self.assertRaises(CacheUnavailable):
                cache.get("k")

    def test_connections_are_kept(self):
        cache = self.cache(*[ok({"exists": True})] * 3)
        for _ in range(3):
            cache.exists("k")
        self.assertEqual(len({peer for _, _, _, peer in self.server.asked}), 1)

    def test_a_connection_that_the_server_has_closed_is_not_used(self):
        closing = 200, {"Content-Type": "application/json", "Connection": "close"}, b"1"
        cache = self.cache(closing, ok(2))
        self.assertEqual(cache.get("k"), 1)
        self.assertEqual(cache.get("k"), 2)
        self.assertEqual(len(self.server.asked), 2)

    def test_no_more_connections_than_the_limit(self):
        cache = self.cache(connections_max=1, timeout=0.2)
        taken = cache.endpoint._pool.take(time.monotonic() + PATIENT)
        with self.assertRaises(CacheUnavailable):
            cache.get("k")
        cache.endpoint._pool.give_back(taken)
        self.assertEqual(self.server.asked, [])

    def test_many_threads(self):
        cache = self.cache(*[ok(7)] * 200, connections_max=4)
        values = []
        threads = [threading.Thread(target=lambda: values.extend(cache.get("k") for _ in range(25)))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(values, [7] * 200)
        self.assertLessEqual(len({peer for _, _, _, peer in self.server.asked}), 4)

    def test_only_an_address_of_http_is_one(self):
        for url in ("ftp://h", "h:80", "http://"):
            with self.assertRaises(ValueError):
                Endpoint(url)


class BreakerTest(unittest.TestCase):
    def test_it_opens_probes_and_closes(self):
        now = [0.0]
        breaker = Breaker(failures_max=3, window=1, pause=0.5, clock=lambda: now[0])
        breaker.failed()
        breaker.failed()
        now[0] = 1.0  # Those are forgotten.
        breaker.failed()
        breaker.failed()
        self.assertEqual(breaker.state, "closed")
        breaker.failed()
        self.assertEqual(breaker.state, "open")
        self.assertFalse(breaker.admits())
        now[0] = 1.5
        self.assertEqual(breaker.state, "half-open")
        self.assertTrue(breaker.admits())
        self.assertFalse(breaker.admits())  # One probe at a time.
        breaker.failed()
        self.assertEqual(breaker.state, "open")
        now[0] = 2.0
        self.assertTrue(breaker.admits())
        breaker.succeeded()
        self.assertEqual(breaker.state, "closed")

    def test_open_it_asks_nobody(self):
        server = Scripted(self, problem(500, "internal"), ok(1))
        cache = CacheClient(None, server.url, timeout=PATIENT,
                            breaker=Breaker(failures_max=1, pause=1e9))
        for _ in range(2):
            with self.assertRaises(CacheUnavailable):
                cache.get("k")
        self.assertEqual(len(server.asked), 1)


class Cache(CacheCase):
    def test_absent_there_and_unavailable_are_three_answers(self):
        cache = self.cache(problem(404, "not-found"), problem(404, "no-such-route"),
                           ok(None, Age="3", ETag='"v7"', **{"Expires-In": "2500"}),
                           problem(500, "internal"))
        self.assertEqual(cache.lookup("k"), Miss())
        with self.assertRaisesRegex(headrace.Refused, "404 no-such-route: why"):
            cache.lookup("k")
        self.assertEqual(cache.lookup("k"), Hit(None, 3.0, 2.5, "v7", False))
        self.assertIsInstance(cache.lookup("k"), Unavailable)

    def test_values_that_are_false_are_values(self):
        cache = self.cache(*[ok(value) for value in (None, 0, False, "", [], {})])
        for value in (None, 0, False, "", [], {}):
            self.assertEqual(cache.get("k", default="missed"), value)

    def test_a_lenient_client_takes_an_outage_for_a_miss(self):
        cache = self.cache(on_error="miss", breaker=Breaker(failures_max=1000))
        self.assertEqual(cache.get("k", default="missed"), "missed")
        self.assertFalse(cache.set("k", 1))
        self.assertFalse(cache.delete("k"))
        self.assertFalse(cache.update_access_time("k"))
        self.assertIsNone(cache.get_metadata("k"))
        with self.assertRaises(ValueError):
            self.cache(on_error="ignore")

    def test_it_keeps_json_with_its_time(self):
        cache = self.cache((201, {}, b""), (204, {}, b""), problem(412, "precondition-failed"))
        self.assertTrue(cache.set("k", {"a": 1}, ttl=1.5))
        self.assertTrue(cache.set("k", 1, ttl=None))
        self.assertFalse(cache.set("k", 1, if_absent=True))
        line, headers, body, _ = self.server.asked[0]
        self.assertEqual((line, body), ("PUT /v1/kv/default/k?ttl=1.500", b'{"a": 1}'))
        self.assertEqual(headers["Content-Type"], "application/json")
        self.assertEqual(self.server.asked[1][0], "PUT /v1/kv/default/k?ttl=none")
        self.assertEqual(self.server.asked[2][1]["If-None-Match"], "*")
        self.assertEqual(self.server.asked[2][0], "PUT /v1/kv/default/k")  # As the server is set.

    def test_the_rest_of_the_first_interface(self):
        cache = self.cache(ok({"deleted": True}), (200, {}, b""), (404, {}, b""),
                           ok({"size": 1}), problem(404, "not-found"), (204, {}, b""))
        self.assertTrue(cache.delete("k"))
        self.assertTrue(cache.update_access_time("k"))
        self.assertFalse(cache.update_access_time("k"))
        self.assertEqual(cache.get_metadata("k"), {"size": 1})
        self.assertIsNone(cache.get_metadata("k"))
        self.assertTrue(cache.touch("k", 60))
        self.assertEqual(cache.cleanup_expired(), 0)

    def test_one_thread_fetches_what_is_missing(self):
        absent = problem(404, "not-found")
        cache = self.cache(absent, absent, (201, {}, b""), ok(5))
        self.assertEqual(cache.get_or_fetch("k", lambda: 5), 5)
        self.assertEqual(cache.get_or_fetch("k", lambda: 6), 5)
        self.assertEqual(self.server.asked[2][0][:4], "PUT ")

    def test_without_the_server_the_source_answers(self):
        cache = self.cache()
        self.assertEqual(cache.get_or_fetch("k", lambda: 5), 5)

    def test_from_the_environment(self):
        cache = CacheClient.from_env({"HEADRACE_URL": "http://h:1", "HEADRACE_NAMESPACE": "a b"})
        self.assertEqual(cache._namespace, "a%20b")


class Sessions(unittest.TestCase):
    def client(self, *answers):
        self.server = Scripted(self, *answers)
        endpoint = Endpoint(self.server.url, "k", PATIENT)
        self.addCleanup(endpoint.close)
        return SessionClient(endpoint, "web")

    ends = {"version": "v7", "idle_expires_at": "2026-01-01T00:00:00.000Z",
            "absolute_expires_at": "2026-01-02T00:00:00.000Z"}

    def test_an_id_is_a_secret_and_its_handle_tells_nothing_of_it(self):
        self.assertRegex(new_id(), r"^[\w-]{43}$")
        self.assertNotEqual(new_id(), new_id())
        self.assertEqual(handle_of("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0")

    def test_no_id_is_sent(self):
        absent = problem(404, "not-found")
        client = self.client(absent, absent, absent, absent, ok({"deleted": False}),
                             ok({"revoked": 0}))
        secret = new_id()
        self.assertIsNone(client.read(secret))
        self.assertIsNone(client.merge(secret, {"a": 1}))
        self.assertFalse(client.touch(secret))
        self.assertIsNone(client.rotate(secret))
        self.assertFalse(client.destroy(secret))
        self.assertEqual(client.revoke("u42", secret), 0)
        self.assertNotIn(secret, repr(self.server.asked))
        self.assertIn(handle_of(secret), self.server.asked[5][2].decode())

    def test_a_beginning_whose_answer_was_lost_is_found(self):
        kept = {"data": {}, "new": False, **self.ends}
        client = self.client(None, problem(409, "conflict"), ok(kept))
        begun = client.create({"a": 1})
        self.assertEqual(begun.ends.version, "v7")
        with self.assertRaises(headrace.Conflict):
            self.client(problem(409, "conflict")).create({}, session_id=new_id())

    def test_late_writes_and_wrong_versions_are_told_apart(self):
        client = self.client(problem(410, "session-destroyed"), problem(412, "precondition-failed"))
        with self.assertRaises(SessionDestroyed):
            client.merge(new_id(), {"a": 1})
        with self.assertRaises(headrace.PreconditionFailed):
            client.replace(new_id(), {"a": 1}, if_version="v6")
        self.assertEqual(self.server.asked[1][1]["If-Match"], '"v6"')


if __name__ == "__main__":
    unittest.main()
