"""The sessions of express-session, kept by the program, in an application of Express."""

import http.client
import json
import pathlib
import re
import subprocess
import threading
import unittest
import urllib.parse

import harness
from free_port import free_port
from resp_server import NODE_MODULES, need

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = HERE.parent.parent / "clients" / "node"
DOCS = HERE.parent.parent / "docs"


class Browser:
    def __init__(self, port, cookie=None):
        self.port = port
        self.cookie = cookie

    def ask(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=harness.SECONDS_MAX)
        try:
            connection.request(method, path, headers={"Cookie": self.cookie or ""})
            answer = connection.getresponse()
            given = answer.headers["Set-Cookie"]
            if given:
                self.cookie = given.split(";")[0]
            return answer.status, answer.read().decode(), given
        finally:
            connection.close()

    def get(self, path="/"):
        return self.ask("GET", path)[1]


class ExpressSessions(harness.Case):
    def setUp(self):
        need("node")
        super().setUp()
        self.listen = f'listen = "tcp://127.0.0.1:{free_port()}"\n'
        self.configure(self.listen + 'data_dir = "data"\n[service]\n')
        self.server = self.serve()
        modules = self.folder / "node_modules"
        modules.mkdir()
        for module in NODE_MODULES.iterdir():
            (modules / module.name).symlink_to(module)
        (modules / "headrace").symlink_to(PACKAGE)
        self.port = self.start_app()

    def start_app(self, timeout_ms=harness.SECONDS_MAX * 1000, max_age_ms=0):
        line = self.start_node((HERE / "sessions_app.cjs").read_text(encoding="utf-8"), {
            "URL_OF_HEADRACE": self.server.url, "TIMEOUT_MS": str(timeout_ms),
            "MAX_AGE_MS": str(max_age_ms)}).stdout.readline()
        self.assertTrue(line.strip().isdigit(), (self.folder / "app.log").read_text())
        return int(line)

    def start_node(self, script, environment):
        (self.folder / "app.cjs").write_text(script, encoding="utf-8")
        log = open(self.folder / "app.log", "ab")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            ["node", "--preserve-symlinks", "app.cjs"], cwd=self.folder, stdout=subprocess.PIPE,
            stderr=log, text=True, env=harness.clean_environment() | environment)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def browser(self, cookie=None):
        return Browser(self.port, cookie)

    def post(self, browser, path, status=200):
        answer = browser.ask("POST", path)
        self.assertEqual(answer[0], status, answer)
        return answer

    def logged_in(self):
        browser = self.browser()
        self.post(browser, "/login/ada")
        return browser

    def sessions_of(self, subject):
        _, _, body = self.server.ask("GET", f"/v1/sessions/web?subject={subject}")
        return json.loads(body)["sessions"]

    def crossed(self, browser, path, meanwhile):
        """`meanwhile` happens after a POST has read its session, and before that is kept."""
        slow, answers = self.browser(browser.cookie), []
        thread = threading.Thread(target=lambda: answers.append(slow.ask("POST", path)))
        thread.start()
        self.wait_until(lambda: browser.get("/held") == "true", "the request is held")
        meanwhile()
        browser.get("/release")
        thread.join()
        return answers[0]

    def test_a_login_lasts_until_the_logout(self):
        browser = self.logged_in()
        self.assertEqual(browser.get(), "ada")
        cookie = browser.cookie
        self.post(browser, "/logout")
        self.assertEqual(self.browser(cookie).get(), "nobody")

    def test_the_quickstart_works_as_written(self):
        text = (DOCS / "sessions.md").read_text(encoding="utf-8")
        block = re.search(r"```js\n(.*?)```", text, re.DOTALL).group(1)
        self.assertIn("http://127.0.0.1:8080", block)
        self.port = free_port()
        self.start_node(block.replace("http://127.0.0.1:8080", self.server.url),
                        {"SECRET": "signs the cookie", "PORT": str(self.port)})
        self.wait_until(self.is_listening, "the quickstart listens")
        browser = self.browser()
        self.assertEqual(browser.get(), "nobody")
        self.assertEqual(self.post(browser, "/login/ada")[1], "welcome")
        self.assertEqual(browser.get(), "ada")
        self.assertEqual([len(one["handle"]) for one in self.sessions_of("ada")], [8])
        self.assertEqual(self.post(browser, "/logout")[1], "good bye")
        self.assertEqual(browser.get(), "nobody")
        self.assertEqual((self.folder / "app.log").read_text(encoding="utf-8"), "")

    def is_listening(self):
        try:
            return self.browser().get("/") is not None
        except ConnectionError:
            return False

    def test_the_server_never_sees_the_id(self):
        session_id = self.logged_in().get("/id")
        self.server.kill()
        for file in (self.folder / "data").rglob("*"):
            if file.is_file():
                self.assertNotIn(session_id.encode(), file.read_bytes(), file.name)

    def test_who_keeps_nothing_gets_no_cookie(self):
        self.assertIsNone(self.browser().ask("GET", "/")[2])

    def test_two_requests_at_once_keep_what_both_have_changed(self):
        browser = self.logged_in()
        self.post(browser, "/set/fast/1")  # Which the slow one reads, and does not change.
        self.crossed(browser, "/hold/slow/1", lambda: self.post(browser, "/set/fast/2"))
        self.assertEqual(browser.get("/get/slow"), "1")
        self.assertEqual(browser.get("/get/fast"), "2")
        self.assertEqual(browser.get(), "ada")

    def test_a_slower_request_does_not_undo_the_logout(self):
        browser = self.logged_in()
        cookie = browser.cookie
        answer = self.crossed(browser, "/hold/late/1", lambda: self.post(browser, "/logout"))
        self.assertEqual(answer[0], 200)
        self.assertEqual(self.browser(cookie).get(), "nobody")
        self.assertEqual(self.browser(cookie).get("/get/late"), "undefined")
        self.assertEqual((self.folder / "app.log").read_text(encoding="utf-8"), "")

    def test_a_login_has_a_new_id_and_the_old_one_is_dead(self):
        browser = self.browser()
        self.post(browser, "/set/cart/1")
        fixed, cookie = browser.get("/id"), browser.cookie
        self.post(browser, "/login/ada")
        self.assertNotEqual(browser.get("/id"), fixed)
        self.assertEqual(self.browser(cookie).get(), "nobody")
        self.assertNotEqual(self.browser(cookie).get("/id"), fixed)

    def test_values_come_back_as_they_went(self):
        browser = self.logged_in()
        values = {"none": None, "map": {"a": None, "b": {"c": [1]}}, "empty": {}, "list": [],
                  "marked": [" v", 1], "text": "\u00e4\u2028", "half": 0.5}
        for name, value in values.items():
            self.post(browser, f"/set/{name}/{urllib.parse.quote(json.dumps(value), safe='')}")
        self.post(browser, "/set/map/%7B%22b%22%3A%7B%22d%22%3A2%7D%7D")
        for text in ("first", "second"):
            self.post(browser, f"/note/{text}")
        values |= {"map": {"b": {"d": 2}}, "notes": ["first", "second"]}
        for name, value in values.items():
            self.assertEqual(json.loads(browser.get(f"/get/{name}")), value, name)

    def test_an_outage_says_so_and_logs_nobody_out(self):
        self.port = self.start_app(timeout_ms=1500)
        browser = self.logged_in()
        self.server.kill()
        status, text, given = browser.ask("GET", "/")
        self.assertEqual((status, text, given), (503, "SessionUnavailable", None))
        self.assertEqual(browser.get("/plain"), "nothing of a session")
        self.server = self.serve()
        self.wait_until(lambda: browser.get() == "ada", "the user is still logged in")

    def test_the_session_ends_with_its_cookie(self):
        self.port = self.start_app(max_age_ms=1200)
        browser = self.logged_in()
        self.wait_until(lambda: self.sessions_of("ada") == [], "its end")
        self.assertEqual(browser.get(), "nobody")

    def test_a_cookie_that_lasts_longer_makes_the_session_last_longer(self):
        self.port = self.start_app(max_age_ms=60_000)
        browser = self.logged_in()
        given = self.post(browser, "/remember/86400000")[2]
        self.assertIn("Expires=", given)
        self.assertEqual(browser.get(), "ada")
        listed, = self.sessions_of("ada")
        self.assertGreater(listed["idle_expires_at"][:10], listed["created_at"][:10])


if __name__ == "__main__":
    unittest.main()
