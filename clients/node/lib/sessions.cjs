"use strict";
// Sessions of an application's users, by their ids.  An id is a secret: it stays here, and the
// server is told its hash, the handle.

const { createHash, randomBytes } = require("node:crypto");
const { isAbsent, sound } = require("./endpoint.cjs");
const { SessionUnavailable, Unavailable } = require("./errors.cjs");

const OPERATORS = ["$incr", "$append"];

// 256 bits that nobody can guess.
function newId() {
  return randomBytes(32).toString("base64url");
}

// What the server knows a session by.
function handleOf(id) {
  return createHash("sha256").update(id).digest("base64url");
}

function endsOf(said) {
  return {
    version: said.version,
    idleExpiresAt: new Date(said.idle_expires_at),
    absoluteExpiresAt: new Date(said.absolute_expires_at),
  };
}

// Members that are undefined are left out by JSON.
class SessionClient {
  #path;

  constructor(endpoint, app = "default") {
    this.endpoint = endpoint;
    this.#path = `/v1/sessions/${encodeURIComponent(app)}`;
  }

  // Begins a session; its id is made here, unless one is given.
  async create(data, { id, idleTimeout, absoluteTimeout, subject, label } = {}) {
    const made = id ?? newId();
    const reply = await this.#ask("POST", "", {
      body: {
        handle: handleOf(made), data, idle_timeout: idleTimeout, absolute_timeout: absoluteTimeout,
        subject, label,
      },
    });
    if (reply.status === 409 && id === undefined) {
      // Nobody else has this handle: an answer was lost, and this is the second request.
      const found = await this.read(made, { touch: false });
      if (found) return { id: made, ...found };
    }
    return { id: made, ...endsOf(JSON.parse(sound(reply).text)) };
  }

  // Null if there is no such session.  `touch` also keeps it alive, which is a write only once a
  // tenth of the idle time is over.
  async read(id, { touch = true } = {}) {
    const reply = await this.#ask("GET", `/${handleOf(id)}${touch ? "?touch=lazy" : ""}`);
    if (isAbsent(reply)) return null;
    const said = JSON.parse(sound(reply).text);
    return {
      data: said.data, ...endsOf(said), touched: said.touched ?? false, subject: said.subject,
      label: said.label,
    };
  }

  // Changes the fields that the patch names (RFC 7396: null deletes, objects merge; "$incr" and
  // "$append" add).  Null if there is no such session.
  async merge(id, patch, { ifVersion } = {}) {
    const repeatable = ifVersion === undefined && !OPERATORS.some((one) => one in patch);
    return this.#write("PATCH", id, "", patch, ifVersion, repeatable);
  }
  async replace(id, data, { ifVersion } = {}) {
    return this.#write("PUT", id, "", { data }, ifVersion, ifVersion === undefined);
  }

  // Keeps it alive, from here on with that idle time, if one is given.  False if there is none.
  async touch(id, { idleTimeout } = {}) {
    const body = idleTimeout === undefined ? undefined : { idle_timeout: idleTimeout };
    const reply = await this.#ask("POST", `/${handleOf(id)}/touch`, { body });
    if (isAbsent(reply)) return false;
    sound(reply);
    return true;
  }

  // Gives it a new id.  For `graceMs` the old one still answers reads, and one write.  Null if
  // there is no such session.  A timeout that is given begins anew.
  async rotate(id, { graceMs = 10_000, subject, label, idleTimeout, absoluteTimeout } = {}) {
    const made = newId();
    const ends = await this.#write("POST", id, "/rotate", {
      new_handle: handleOf(made), grace_ms: graceMs, subject, label, idle_timeout: idleTimeout,
      absolute_timeout: absoluteTimeout,
    }, undefined, false);
    return ends && { id: made, ...ends };
  }

  // Once this resolves it is gone for good.  False if there was none.
  async destroy(id) {
    return JSON.parse(sound(await this.#ask("DELETE", `/${handleOf(id)}`)).text).deleted;
  }

  async list(subject) {
    const reply = await this.#ask("GET", `?subject=${encodeURIComponent(subject)}`);
    return JSON.parse(sound(reply).text).sessions.map((one) => ({
      handle: one.handle, createdAt: new Date(one.created_at),
      lastSeenAt: new Date(one.last_seen_at), label: one.label,
    }));
  }

  // Ends all sessions of a subject, but that one; how many it was.
  async revoke(subject, { exceptId } = {}) {
    const body = { subject, except: exceptId === undefined ? undefined : handleOf(exceptId) };
    return JSON.parse(sound(await this.#ask("POST", "/revoke", { body })).text).revoked;
  }

  async #write(method, id, verb, body, ifVersion, repeatable) {
    const headers = ifVersion === undefined ? {} : { "if-match": `"${ifVersion}"` };
    const reply = await this.#ask(method, `/${handleOf(id)}${verb}`, { body, headers, repeatable });
    return isAbsent(reply) ? null : endsOf(JSON.parse(sound(reply).text));
  }

  async #ask(method, path, { body, headers = {}, repeatable = true } = {}) {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    try {
      return await this.endpoint.ask(method, this.#path + path, {
        body: body === undefined ? undefined : JSON.stringify(body),
        headers: body === undefined ? headers : { ...headers, "content-type": type },
        repeatable,
      });
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      throw new SessionUnavailable(`sessions are unavailable: ${error.message}`,
        { retryAfter: error.retryAfter, cause: error });
    }
  }
}

module.exports = { SessionClient, handleOf, newId };
