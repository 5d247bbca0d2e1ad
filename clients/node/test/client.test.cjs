"use strict";
// The transport, against a server that says what the test wants.

const assert = require("node:assert/strict");
const http = require("node:http");
const { test } = require("node:test");
const {
  Breaker, CacheClient, Endpoint, SessionClient, SessionDestroyed, Unavailable, handleOf, newId,
} = require("../index.cjs");

// Answers one after the other: [status, headers, body], or null to hang up.
async function scripted(t, ...answers) {
  const asked = [];
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      asked.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
      const answer = answers.shift();
      if (!answer) return request.socket.destroy();
      response.writeHead(answer[0], answer[1]);
      response.end(answer[2]);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, url: `http://127.0.0.1:${server.address().port}` };
}
const problem = (status, code) => [status, {}, JSON.stringify({ code, detail: "why" })];
const ok = (value) => [200, { "content-type": "application/json" }, JSON.stringify(value)];

test("an id is a secret, and its handle tells nothing of it", () => {
  assert.match(newId(), /^[\w-]{43}$/);
  assert.notEqual(newId(), newId());
  assert.equal(handleOf("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
});

test("what may be repeated is asked again, with the key, and nothing else", async (t) => {
  const { asked, url } = await scripted(t, problem(503, "overloaded"), null, ok({ exists: true }));
  const cache = new CacheClient({ endpoint: url, apiKey: "k", timeoutMs: 20_000 });
  assert.equal(await cache.exists("a/b"), true);
  assert.equal(asked.length, 3);
  assert.equal(asked[2].line, "GET /v1/exists/default/a%2Fb");
  assert.equal(asked[2].headers.authorization, "Bearer k");
});

test("a value lives as long as its writer says, or as the server is set", async (t) => {
  const { asked, url } = await scripted(t, ...Array(3).fill([201, {}, ""]));
  const cache = new CacheClient({ endpoint: url, timeoutMs: 20_000 });
  await cache.set("k", 1);
  await cache.set("k", 1, { ttl: 1.5 });
  await cache.set("k", 1, { ttl: null });
  assert.deepEqual(asked.map((one) => one.line),
    ["", "?ttl=1.5", "?ttl=none"].map((query) => `PUT /v1/kv/default/k${query}`));
});

test("a write that adds is not sent twice", async (t) => {
  const { asked, url } = await scripted(t, null, ok({}));
  const sessions = new SessionClient(new Endpoint(url, { timeoutMs: 20_000 }), "web");
  await assert.rejects(sessions.merge("id", { $incr: { n: 1 } }), Unavailable);
  assert.equal(asked.length, 1);
});

test("one deadline holds for all tries", async (t) => {
  const late = [503, { "retry-after": "60" }, JSON.stringify({ code: "overloaded" })];
  const { asked, url } = await scripted(t, late, late, late);
  const cache = new CacheClient({ endpoint: url, timeoutMs: 20_000 });
  const error = await cache.get("k").catch((caught) => caught);
  assert.ok(error instanceof Unavailable);
  assert.equal(error.retryAfter, 60);
  assert.equal(asked.length, 1);
});

test("absent, there and unavailable are three answers", async (t) => {
  const { url } = await scripted(t, problem(404, "not-found"), problem(404, "no-such-route"),
    [200, { "content-type": "application/json", etag: '"v7"', age: "3", "expires-in": "2500" },
      "null"],
    problem(500, "internal"));
  const cache = new CacheClient({ endpoint: url, timeoutMs: 20_000 });
  assert.deepEqual(await cache.lookup("k"), { kind: "miss" });
  await assert.rejects(cache.lookup("k"), /404 no-such-route: why/);
  assert.deepEqual(await cache.lookup("k"),
    { kind: "hit", value: null, age: 3, ttl: 2.5, version: "v7", stale: false });
  assert.equal((await cache.lookup("k")).kind, "unavailable");
});

test("a write that comes too late is told apart, and no id is sent", async (t) => {
  const { asked, url } = await scripted(t, problem(410, "session-destroyed"));
  const sessions = new SessionClient(new Endpoint(url), "web");
  const id = newId();
  await assert.rejects(sessions.merge(id, { a: 1 }), SessionDestroyed);
  assert.equal(asked[0].line, `PATCH /v1/sessions/web/${handleOf(id)}`);
  assert.equal(asked[0].headers["content-type"], "application/merge-patch+json");
  assert.ok(!JSON.stringify(asked).includes(id));
});

test("the breaker opens, probes and closes", () => {
  let now = 0;
  const breaker = new Breaker({ failuresMax: 3, windowMs: 1000, pauseMs: 500, now: () => now });
  breaker.failed();
  breaker.failed();
  now = 1000; // Those are forgotten.
  breaker.failed();
  assert.equal(breaker.state, "closed");
  breaker.failed();
  breaker.failed();
  assert.equal(breaker.state, "open");
  assert.equal(breaker.admits(), false);
  now = 1500;
  assert.equal(breaker.state, "half-open");
  assert.equal(breaker.admits(), true);
  assert.equal(breaker.admits(), false); // One probe at a time.
  breaker.failed();
  assert.equal(breaker.state, "open");
  now = 2000;
  assert.equal(breaker.admits(), true);
  breaker.succeeded();
  assert.equal(breaker.state, "closed");
});

test("an open breaker fails at once", async (t) => {
  const { asked, url } = await scripted(t, problem(500, "internal"), ok({ exists: true }));
  const breaker = new Breaker({ failuresMax: 1, pauseMs: 1e9 });
  const cache = new CacheClient({ endpoint: url, breaker, timeoutMs: 20_000 });
  await assert.rejects(cache.exists("k"), Unavailable);
  await assert.rejects(cache.exists("k"), /breaker is open/);
  assert.equal(asked.length, 1);
});

test("both kinds of modules have the same", async () => {
  const esm = await import("../index.mjs");
  assert.equal(esm.CacheClient, CacheClient);
});
