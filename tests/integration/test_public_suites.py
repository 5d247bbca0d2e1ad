"""Suites that others wrote for Redis, run as they are against the program.

No file of a suite is changed: what it needs to find the server stands around it.  A suite whose
files cannot be had here is skipped with the reason.  HEADRACE_SUITES_ON=.../redis-server runs the
same against that, which is what our results are compared with.
"""

import re
import shutil
import unittest

import resp_server
from resp_server import NODE_MODULES, PYTHON, SUITES, RespCase

# What Django asks of a cache whose server it reaches at one place.
DJANGO_SETTINGS = """
from test_sqlite import *
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache",
                      "LOCATION": "redis://127.0.0.1:%d"}}
"""

# Django's tests that skip themselves, and why.
CULLING = "Culling isn't implemented."  # By Django's backend for Redis, whatever the server.
DJANGO_SKIPS = {"test_cull": CULLING, "test_cull_delete_when_store_empty": CULLING,
                "test_zero_cull": CULLING}

# What connect-redis' own test finds beside it in its repository, and its package has not.
CONNECT_REDIS_SERVER = """
export const port = %d
export async function connect() {}
export async function disconnect() {}
"""

# Its Redis back-end, from login to logout.
FLASK_SESSION = """
import sys
import flask, flask_session, redis
store = redis.Redis(port=int(sys.argv[1]))
app = flask.Flask("application")
app.config.update(SESSION_TYPE="redis", SESSION_REDIS=store, SESSION_COOKIE_SECURE=False)
flask_session.Session(app)

@app.post("/login/<user>")
def login(user):
    app.session_interface.regenerate(flask.session)
    flask.session["user"] = user
    return "welcome"

@app.get("/")
def home():
    flask.session["visits"] = flask.session.get("visits", 0) + 1
    return f"{flask.session.get('user', 'nobody')} {flask.session['visits']}"

@app.post("/logout")
def logout():
    flask.session.clear()
    return "good bye"

browser, other = app.test_client(), app.test_client()
assert browser.get("/").text == "nobody 1"
first = browser.get_cookie("session").value
browser.post("/login/ada")
assert browser.get_cookie("session").value != first
assert browser.get("/").text == "ada 2"
assert other.get("/").text == "nobody 1"
kept = store.keys("session:*")
assert len(kept) == 2 and all(store.ttl(key) > 86400 for key in kept), kept
browser.post("/logout")
assert browser.get("/").text == "nobody 1"
print("all of it is right")
"""


class PublicSuites(RespCase):
    def test_cachelib_tests_its_redis_backend(self):
        resp_server.need("python", "suites")
        self.start(6360)  # The port that the suite has written down.
        tests = next(SUITES.glob("cachelib-*")) / "tests"
        # With CI set it takes the server that is there.
        code, said = self.run_to_the_end(
            [PYTHON, "-m", "pytest", "-q", "-rs", "-o",
             f"cache_dir={self.folder}", "test_redis_cache.py"],
            tests, CI="true", PYTHONDONTWRITEBYTECODE="1")
        self.assertEqual(code, 0, said[-4000:])
        self.assertRegex(said, r"\d\d+ passed")
        self.assertEqual(self.skips_of_pytest(said), [])

    def test_django_tests_its_redis_backend(self):
        resp_server.need("python", "suites")
        self.start()
        tests = next(SUITES.glob("Django-*")) / "tests"
        (self.folder / "resp_settings.py").write_text(DJANGO_SETTINGS % self.resp_port,
                                                      encoding="utf-8")
        code, said = self.run_to_the_end(
            [PYTHON, "runtests.py", "--settings=resp_settings", "--parallel=1", "-v", "2",
             "-k", "RedisCacheTests", "cache"], tests,
            PYTHONPATH=f"{self.folder}:{tests}:{tests.parent}", PYTHONDONTWRITEBYTECODE="1",
            RUNNING_DJANGOS_TEST_SUITE="true")
        ours = re.findall(r"^(test_\w+) \(cache\.tests\.RedisCacheTests\S*\).*\.\.\. (\w+)",
                          said, re.MULTILINE)
        self.assertGreater(len(ours), 40, said[-4000:])
        self.assertEqual({name for name, end in ours if end not in ("ok", "skipped")}, set(),
                         said[-8000:])
        self.assertEqual(code, 0, said[-4000:])
        skips = re.findall(r"^(test_\w+) \(cache\.tests\.RedisCacheTests\S*\)\s.*?"
                           r"skipped (['\"].*)$", said, re.MULTILINE)
        self.assertEqual({name: why[1:-1] for name, why in skips}, DJANGO_SKIPS)

    def test_connect_redis_tests_itself(self):
        resp_server.need("node", "suites")
        self.start()
        place = self.folder / "connect-redis"
        shutil.copytree(SUITES / "connect-redis", place)
        (place / "testdata").mkdir()
        (place / "testdata" / "server.ts").write_text(CONNECT_REDIS_SERVER % self.resp_port,
                                                      encoding="utf-8")
        (place / "ours.config.mjs").write_text(
            "export default {test: {include: ['index_test.ts'], testTimeout: 60000}}\n",
            encoding="utf-8")
        (place / "node_modules").symlink_to(NODE_MODULES)
        code, said = self.run_to_the_end(
            ["node", NODE_MODULES / "vitest" / "vitest.mjs", "run", "--config", "ours.config.mjs"],
            place, NO_COLOR="1")
        self.assertEqual(code, 0, said[-4000:])
        self.assertRegex(said, r"Tests +4 passed")

    def test_flask_session_keeps_its_sessions_here(self):
        """Its package has no tests of its own: an application that uses it, unchanged."""
        resp_server.need("python")
        self.start()
        (self.folder / "application.py").write_text(FLASK_SESSION, encoding="utf-8")
        code, said = self.run_to_the_end([PYTHON, "application.py", str(self.resp_port)],
                                         self.folder)
        self.assertEqual(code, 0, said)
        self.assertIn("all of it is right", said)


if __name__ == "__main__":
    unittest.main()
