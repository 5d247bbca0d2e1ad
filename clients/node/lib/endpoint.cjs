"use strict";
// One server: retries within one deadline, and a breaker.  Connections are kept by fetch itself.

const { Conflict, PreconditionFailed, Refused, SessionDestroyed, Unavailable } =
  require("./errors.cjs");

const RETRIES_MAX = 2; // Of what may be sent again.
const PAUSE_MIN_MS = 25; // The next pause is at most twice as long ...
const PAUSE_MAX_MS = 400; // ... and never longer than this.
const TRANSIENT = new Set([502, 503, 504]);
// The request has not reached the server.
const NOT_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]);

// Fails fast: opens after `failuresMax` failures within `windowMs`, and then lets one probe through
// each `pauseMs` until one succeeds.
class Breaker {
  #failures = [];
  #probeAt = null; // Open, if not null.

  constructor({ failuresMax = 5, windowMs = 1000, pauseMs = 1000, now = Date.now } = {}) {
    Object.assign(this, { failuresMax, windowMs, pauseMs, now });
  }

  get state() {
    if (this.#probeAt === null) return "closed";
    return this.now() >= this.#probeAt ? "half-open" : "open";
  }
  admits() {
    if (this.#probeAt === null) return true;
    const now = this.now();
    if (now < this.#probeAt) return false;
    this.#probeAt = now + this.pauseMs; // This one is the probe.
    return true;
  }
  succeeded() {
    this.#failures = [];
    this.#probeAt = null;
  }
  failed() {
    const now = this.now();
    this.#failures = this.#failures.filter((at) => now - at < this.windowMs);
    this.#failures.push(now);
    if (this.#probeAt !== null || this.#failures.length >= this.failuresMax) {
      this.#probeAt = now + this.pauseMs;
      this.#failures = this.#failures.slice(-this.failuresMax);
    }
  }
}

class Endpoint {
  #headers;

  constructor(url, { apiKey, timeoutMs = 1000, retriesMax = RETRIES_MAX, breaker } = {}) {
    const parsed = new URL(url);
    if (!["http:", "https:"].includes(parsed.protocol)) {
      throw new TypeError("the endpoint must be http://HOST[:PORT] or https://HOST[:PORT]");
    }
    this.url = parsed.href.replace(/\/+$/, "");
    this.timeoutMs = timeoutMs;
    this.retriesMax = retriesMax;
    this.breaker = breaker ?? new Breaker();
    this.#headers = apiKey ? { authorization: `Bearer ${apiKey}` } : {};
  }

  // An answer below 500, or Unavailable.  What is not repeatable is sent again only if it never
  // reached the server.
  async ask(method, path, { body, headers, repeatable = true } = {}) {
    const deadline = Date.now() + this.timeoutMs;
    for (let attempt = 0; ; ++attempt) {
      if (!this.breaker.admits()) {
        throw new Unavailable(
          "the server has failed several times just now; the circuit breaker is open");
      }
      const most = Math.min(PAUSE_MAX_MS, 2 * PAUSE_MIN_MS * 2 ** attempt);
      let pause = PAUSE_MIN_MS + Math.random() * (most - PAUSE_MIN_MS);
      let failure;
      let again = repeatable;
      try {
        const reply = await this.#askOnce(method, path, body, headers, deadline);
        if (reply.status < 500) {
          this.breaker.succeeded();
          return reply;
        }
        failure = unavailable(reply);
        again &&= TRANSIENT.has(reply.status);
        pause = Math.max(pause, 1000 * (failure.retryAfter ?? 0));
      } catch (error) {
        const code = error.cause?.code ?? error.code ?? error.name;
        failure = new Unavailable(`${code} while asking the server`, { cause: error });
        again ||= NOT_SENT.has(code);
      }
      this.breaker.failed();
      if (!again || attempt >= this.retriesMax || Date.now() + pause >= deadline) throw failure;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  async #askOnce(method, path, body, headers, deadline) {
    const response = await fetch(this.url + path, {
      method,
      body,
      headers: { ...this.#headers, ...headers },
      redirect: "manual",
      signal: AbortSignal.timeout(Math.max(1, deadline - Date.now())),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
}

function unavailable(reply) {
  const retryAfter = Number.parseFloat(reply.headers.get("retry-after") ?? "");
  return new Unavailable(`${reply.status} ${problemOf(reply).code}`,
    { retryAfter: Number.isNaN(retryAfter) ? undefined : retryAfter });
}

// What an answer that is an error says, as an error.
function problemOf(reply) {
  let code = "unknown";
  let detail = "";
  try {
    const said = JSON.parse(reply.text);
    code = String(said.code ?? code);
    detail = String(said.detail ?? "");
  } catch {
    // Something between here and the server has answered.
  }
  const Kind = { 409: Conflict, 410: SessionDestroyed, 412: PreconditionFailed }[reply.status]
    ?? Refused;
  return new Kind(reply.status, code, detail);
}

// Whether there is no such thing.  A 404 that Headrace has not said so is an error.
function isAbsent(reply) {
  return reply.status === 404 && problemOf(reply).code === "not-found";
}

function sound(reply) {
  if (reply.status >= 300) throw problemOf(reply);
  return reply;
}

module.exports = { Breaker, Endpoint, isAbsent, problemOf, sound };
