"""Flask's sessions, kept by the program: what an application sees when requests cross each other,
when somebody brings an id of their own, and when the program is away.
"""

import contextlib
import copy
import datetime
import json
import pathlib
import re
import subprocess
import sys
import threading
import unittest
import uuid

import harness
from free_port import free_port
from resp_server import CLIENTS, need

sys.path[:0] = [str(path) for path in CLIENTS.glob("python/lib/python3*/site-packages")]
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
ORIGIN = "https://app.example"
COOKIE = "__Host-session"


def set_up_app(client, **options):
    """An application that keeps what its paths say."""
    from flask import Flask, session
    from headrace.flask import HeadraceSessionInterface

    app = Flask("web")
    app.testing = True
    interface = app.session_interface = HeadraceSessionInterface(client, **options)
    app.holds = {}  # What a request waits for, by its path.

    @app.before_request
    def wait():
        from flask import request
        if request.path in app.holds:
            reached, release = app.holds.pop(request.path)
            reached.set()
            assert release.wait(harness.SECONDS_MAX)

    @app.get("/")
    def who():
        return session.get("user", "nobody")

    @app.get("/plain")
    def plain():
        return "nothing of a session"

    @app.get("/get/<name>")
    def get(name):
        return repr(session.get(name))

    @app.post("/set/<name>/<value>")
    def put(name, value):
        session[name] = value
        return ""

    @app.post("/note/<text>")
    def note(text):
        session.setdefault("notes", []).append(text)
        return ""

    @app.post("/login/<user>")
    def login(user):
        session["user"] = user
        interface.regenerate(session, subject=user, label="Test")
        return ""

    @app.post("/remember")
    def remember():
        session.permanent = True
        return ""

    @app.post("/logout")
    def logout():
        session.clear()
        return ""

    return app


class FlaskSessions(harness.Case):
    def setUp(self):
        need("python")
        super().setUp()
        self.listen = f'listen = "tcp://127.0.0.1:{free_port()}"\n'
        self.configure(self.listen + 'data_dir = "data"\n[service]\n')
        self.server = self.serve()
        from headrace import Breaker, Endpoint, SessionClient
        endpoint = Endpoint(self.server.url, timeout=harness.SECONDS_MAX,
                            breaker=Breaker(failures_max=1_000_000))
        self.addCleanup(endpoint.close)
        self.client = SessionClient(endpoint, "web")
        self.app = set_up_app(self.client, grace=0)

    def browser(self, session_id=None, app=None):
        browser = (app or self.app).test_client()
        if session_id:
            browser.set_cookie(COOKIE, session_id, domain="app.example", path="/", secure=True)
        return browser

    @staticmethod
    def id_of(browser):
        cookie = browser.get_cookie(COOKIE, domain="app.example")
        return cookie.value if cookie else None

    def get(self, browser, path="/"):
        return browser.get(path, base_url=ORIGIN)

    def post(self, browser, path, status=200):
        answer = browser.post(path, base_url=ORIGIN)
        self.assertEqual(answer.status_code, status, answer.text)
        return answer

    def logged_in(self, user="ada"):
        browser = self.browser()
        self.post(browser, f"/login/{user}")
        return browser

    @contextlib.contextmanager
    def crossed(self, session_id, path):
        """A POST that has read its session and goes on only when the block is left."""
        reached, release = threading.Event(), threading.Event()
        self.app.holds[path] = reached, release
        browser, answers = self.browser(session_id), []
        thread = threading.Thread(
            target=lambda: answers.append(browser.post(path, base_url=ORIGIN)))
        thread.start()
        self.assertTrue(reached.wait(harness.SECONDS_MAX))
        try:
            yield answers
        finally:
            release.set()
            thread.join()

    def test_a_login_lasts_until_the_logout(self):
        browser = self.logged_in()
        self.assertEqual(self.get(browser).text, "ada")
        session_id = self.id_of(browser)
        answer = self.post(browser, "/logout")
        self.assertIsNone(self.id_of(browser))
        self.assertIn("Cookie", answer.headers["Vary"])
        self.assertEqual(self.get(self.browser(session_id)).text, "nobody")

    def test_the_cookie_has_an_id_that_the_server_never_sees(self):
        browser = self.browser()
        given = self.post(browser, "/login/ada").headers["Set-Cookie"]
        self.assertRegex(given, rf"^{COOKIE}=[\w-]{{43}}; Secure; HttpOnly; Path=/; SameSite=Lax$")
        session_id = self.id_of(browser)
        taken = self.post(browser, "/logout").headers["Set-Cookie"]
        for attribute in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
            self.assertIn(f"; {attribute}", taken)
        self.server.kill()
        for file in self.folder.rglob("*"):
            if file.is_file():
                self.assertNotIn(session_id.encode(), file.read_bytes(), file.name)

    def test_who_keeps_nothing_gets_no_cookie(self):
        browser = self.browser()
        answer = self.get(browser)
        self.assertNotIn("Set-Cookie", answer.headers)
        self.assertIn("Cookie", answer.headers["Vary"])
        self.post(browser, "/remember")  # To be kept for long is nothing to keep.
        self.assertIsNone(self.id_of(browser))

    def test_two_requests_at_once_keep_what_both_have_changed(self):
        browser = self.logged_in()
        self.post(browser, "/set/fast/1")  # Which the slow one reads, and does not change.
        with self.crossed(self.id_of(browser), "/set/slow/1"):
            self.post(browser, "/set/fast/2")
        self.assertEqual(self.get(browser, "/get/slow").text, "'1'")
        self.assertEqual(self.get(browser, "/get/fast").text, "'2'")
        self.assertEqual(self.get(browser).text, "ada")

    def test_two_requests_at_once_both_append_to_a_list(self):
        browser = self.logged_in()
        self.post(browser, "/note/first")
        with self.crossed(self.id_of(browser), "/note/slow"):
            self.post(browser, "/note/fast")
        self.assertEqual(self.get(browser, "/get/notes").text, "['first', 'fast', 'slow']")

    def test_a_slower_request_does_not_undo_the_logout(self):
        browser = self.logged_in()
        session_id = self.id_of(browser)
        with self.crossed(session_id, "/set/late/1") as answers:
            self.post(browser, "/logout")
        self.assertIn(f"{COOKIE}=;", answers[0].headers["Set-Cookie"])
        self.assertEqual(self.get(self.browser(session_id)).text, "nobody")
        self.assertIsNone(self.client.read(session_id))

    def test_an_id_that_the_server_does_not_know_is_not_taken_on(self):
        planted = "x" * 43
        browser = self.browser(planted)
        self.assertEqual(self.get(browser).text, "nobody")
        self.post(browser, "/set/color/blue")
        self.assertNotEqual(self.id_of(browser), planted)
        self.assertEqual(self.get(browser, "/get/color").text, "'blue'")
        self.assertIsNone(self.client.read(planted))

    def test_a_login_has_a_new_id_and_the_old_one_is_dead(self):
        browser = self.browser()
        self.post(browser, "/set/cart/full")
        fixed = self.id_of(browser)
        self.post(browser, "/login/ada")
        self.assertNotEqual(self.id_of(browser), fixed)
        self.assertEqual(self.get(browser, "/get/cart").text, "'full'")
        self.assertEqual(self.get(self.browser(fixed)).text, "nobody")
        self.assertEqual([one.label for one in self.client.list("ada")], ["Test"])

    def test_a_request_under_way_during_the_login_is_not_logged_out(self):
        self.app = set_up_app(self.client, grace=30)
        browser = self.browser()
        self.post(browser, "/set/cart/full")
        with self.crossed(self.id_of(browser), "/set/slow/1"):
            self.post(browser, "/login/ada")
        self.assertEqual(self.get(browser, "/get/slow").text, "'1'")
        self.assertEqual(self.get(browser).text, "ada")

    def test_what_is_idle_too_long_is_gone(self):
        self.app = set_up_app(self.client, grace=0, idle_timeout=1)
        browser = self.logged_in()
        session_id = self.id_of(browser)
        self.wait_until(lambda: self.client.read(session_id, touch=False) is None, "its end")
        self.assertEqual(self.get(browser).text, "nobody")

    def test_a_permanent_session_sends_its_cookie_again_when_its_end_has_moved(self):
        browser = self.logged_in()
        before = self.id_of(browser)
        given = self.post(browser, "/remember").headers["Set-Cookie"]
        self.assertIn("Expires=", given)
        self.assertNotEqual(self.id_of(browser), before)
        self.assertNotIn("Set-Cookie", self.get(browser).headers)
        self.assertIn("Expires=", self.post(browser, "/set/a/1").headers["Set-Cookie"])
        ends = self.client.read(self.id_of(browser)).ends
        left = ends.idle_expires_at - datetime.datetime.now(datetime.timezone.utc)
        self.assertGreater(left, datetime.timedelta(days=30))

    def test_an_outage_says_so_and_logs_nobody_out(self):
        browser = self.logged_in()
        session_id = self.id_of(browser)
        self.client.endpoint.timeout = 0.5
        self.server.kill()
        answer = self.get(browser)
        self.assertEqual(answer.status_code, 503)
        self.assertIn("Retry-After", answer.headers)
        self.assertNotIn("Set-Cookie", answer.headers)
        self.assertEqual(self.get(browser, "/plain").status_code, 200)
        self.assertEqual(self.id_of(browser), session_id)
        self.client.endpoint.timeout = harness.SECONDS_MAX
        self.server = self.serve()
        self.assertEqual(self.get(browser).text, "ada")

    def test_an_outage_while_it_is_kept_raises(self):
        from headrace import SessionUnavailable
        browser = self.logged_in()
        self.client.endpoint.timeout = 0.5
        held = self.browser(self.id_of(browser))
        self.app.holds["/set/a/1"] = threading.Event(), threading.Event()
        reached, release = self.app.holds["/set/a/1"]
        raised = []

        def post():
            try:
                held.post("/set/a/1", base_url=ORIGIN)
            except SessionUnavailable as error:
                raised.append(str(error))

        thread = threading.Thread(target=post)
        thread.start()
        self.assertTrue(reached.wait(harness.SECONDS_MAX))
        self.server.kill()
        release.set()
        thread.join()
        self.assertEqual(len(raised), 1)
        self.assertNotIn(self.id_of(browser), raised[0])

    def test_log_out_everywhere_but_here(self):
        here, there = self.logged_in(), self.logged_in()
        from headrace.flask import HeadraceSession
        kept = HeadraceSession(self.id_of(here))
        self.assertEqual(self.app.session_interface.revoke("ada", kept), 1)
        self.assertEqual(self.get(here).text, "ada")
        self.assertEqual(self.get(there).text, "nobody")

    def test_the_quickstart_works_as_written(self):
        text = (DOCS / "sessions.md").read_text(encoding="utf-8")
        self.server.kill()
        before = re.search(r"\$ (printf .*?) > headrace.toml\n", text).group(1)
        self.configure(self.listen + subprocess.run(["sh", "-c", before], capture_output=True,
                                                    text=True, check=True).stdout)
        self.server = self.serve()
        block = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
        written = {"__name__": "quickstart"}
        exec(block.replace("http://127.0.0.1:8080", self.server.url), written)
        browser = written["app"].test_client()
        self.assertEqual(self.post(browser, "/login/ada").text, "welcome")
        self.assertEqual(self.get(browser).text, "ada")
        self.assertEqual(self.post(browser, "/logout").text, "good bye")
        self.assertEqual(self.get(browser).text, "nobody")

    def test_values_come_back_as_they_went(self):
        from headrace.flask import HeadraceSession
        from markupsafe import Markup
        values = {
            "none": None, "tuple": (1, "a", (2,)), "bytes": b"\0\xff", "markup": Markup("<b>"),
            "uuid": uuid.UUID(int=7), "map": {"a": None, "b": {"c": 1}}, "empty": {}, "list": [],
            "time": datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc),
            "tagged": {" t": [1]}, "marked": [" v", 1], "number": 12345678901234567890, "half": 0.5,
            "text": "\u00e4\u2028\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        }
        begun = self.client.create(HeadraceSession.data(self.session_of(values)))
        kept = HeadraceSession(begun.id, self.client.read(begun.id).data)
        self.assertEqual(dict(kept), values)
        self.assertEqual(kept.changes(), {})

        # A field is replaced as a whole, whatever a merge would make of it.
        kept["map"], kept["tuple"] = {"b": {"d": 2}}, {"now": "a map"}
        del kept["none"]
        self.client.merge(begun.id, kept.changes())
        after = HeadraceSession(begun.id, self.client.read(begun.id).data)
        self.assertEqual(dict(after), dict(kept))

    @staticmethod
    def session_of(values):
        from headrace.flask import HeadraceSession
        session = HeadraceSession()
        session.update(values)
        return session

    def test_whatever_has_changed_is_seen_and_nothing_else(self):
        from headrace.flask import HeadraceSession
        before = {"text": "a", "number": 1, "list": [1, 2.0, "x", None], "map": {"a": [1], "b": 2},
                  "one": {"a": (1, 2)}, "tagged": {" t": [1]}, "tuple": (1, {"a": b"x"}),
                  "none": None}
        wire = HeadraceSession.data(self.session_of(before))

        def changed(name, value):
            session = HeadraceSession("id", json.loads(json.dumps(wire)))
            session[name] = value
            return session.changes()

        for name, value in before.items():
            self.assertEqual(changed(name, copy.deepcopy(value)), {}, name)
        for name, value in (
                ("text", "b"), ("number", True), ("number", 1.0), ("number", "1"),
                ("list", [True, 2.0, "x", None]), ("list", [1, 2, "x", None]), ("list", [1, 2.0]),
                ("list", (1, 2.0, "x", None)), ("map", {"a": [1]}), ("map", {"b": 2, "a": [1]}),
                ("map", {"a": [1], "c": 2}), ("map", {"a": [2], "b": 2}), ("one", {"a": [1, 2]}),
                ("one", {"b": (1, 2)}), ("tagged", {" t": [2]}), ("tagged", (1,)),
                ("tuple", (1, {"a": "x"})), ("none", 0), ("none", [" v", None])):
            self.assertEqual(set(changed(name, value)), {name}, (name, value))
        self.assertEqual(changed("list", [1, 2.0, "x", None, 5]), {"$append": {"list": [5]}})

        within = HeadraceSession("id", json.loads(json.dumps(wire)))
        within["list"][1] = 3
        within["map"]["a"].append(2)
        within["one"]["a"] = None
        del within["text"]
        self.assertEqual(set(within.changes()), {"list", "map", "one", "text"})

    def test_what_cannot_be_kept_is_named_when_it_is_saved(self):
        with self.assertRaisesRegex(TypeError, re.escape("session['thing'] cannot be kept")):
            self.session_of({"thing": object()}).changes()
        with self.assertRaisesRegex(TypeError, "named by strings"):
            self.session_of({1: 2}).changes()


if __name__ == "__main__":
    unittest.main()
