"use strict";
// Sessions of express-session, kept by Headrace.
//
// A request reads once.  At its end the fields that have changed are sent, and no others, so that
// two requests at once both keep what they have changed.  What was destroyed stays so: a slower
// request's save does not bring it back.  Where the server cannot be asked the callback gets an
// error, whose status is 503, and never "there is none"; so nobody is logged out by an outage.

const { Store } = require("express-session");
const { SessionDestroyed } = require("./lib/errors.cjs");

const IDLE_SECONDS = 86_400; // Of a cookie that ends with the browser.
const ABSOLUTE_SECONDS = 30 * 86_400;
const OPAQUE = " v"; // Begins the list in which a value travels that a merge would take apart.

// What a merge patch would merge or delete instead of replacing it, an object or null, stands in a
// list.
function toWire(value) {
  if (Array.isArray(value)) return value[0] === OPAQUE ? [OPAQUE, value] : value;
  return value === null || typeof value === "object" ? [OPAQUE, value] : value;
}
function fromWire(value) {
  return Array.isArray(value) && value.length === 2 && value[0] === OPAQUE ? value[1] : value;
}

// The fields of a session as JSON texts.  When the cookie ends is what the server says.
function textsOf(session) {
  const plain = JSON.parse(JSON.stringify(session));
  if (plain.cookie) delete plain.cookie.expires;
  return new Map(Object.entries(plain).map(([name, value]) =>
    [name, JSON.stringify(toWire(value))]));
}
function dataOf(texts) {
  return Object.fromEntries([...texts].map(([name, text]) => [name, JSON.parse(text)]));
}

// Whether elements were added at the end of a list and nothing else was done to it.
function addedTo(kept, text) {
  if (!kept.startsWith("[") || !text.startsWith("[")) return null;
  const had = JSON.parse(kept);
  const has = JSON.parse(text);
  if (had.length === 0 || has.length <= had.length || had[0] === OPAQUE) return null;
  const begins = had.every((one, i) => JSON.stringify(one) === JSON.stringify(has[i]));
  return begins ? has.slice(had.length) : null;
}

// A merge patch; null if there is nothing to do.
function patchOf(kept, texts) {
  const patch = {};
  const appended = {};
  for (const name of kept.keys()) if (!texts.has(name)) patch[name] = null;
  for (const [name, text] of texts) {
    const had = kept.get(name);
    if (had === text) continue;
    const added = had === undefined ? null : addedTo(had, text);
    if (added) appended[name] = added;
    else patch[name] = JSON.parse(text);
  }
  if (Object.keys(appended).length > 0) patch.$append = appended;
  return Object.keys(patch).length > 0 ? patch : null;
}

class HeadraceStore extends Store {
  #client;
  #idleTimeout;
  #absoluteTimeout;
  #subjectOf;
  #read = new WeakMap(); // By request: what it has read, {id, texts, idle}.
  #fresh = new WeakMap(); // By what get() has given, until it belongs to a request.

  // `subject` tells whose a session is when it begins, so that all of a user's can be revoked.
  constructor({ client, idleTimeout = IDLE_SECONDS, absoluteTimeout = ABSOLUTE_SECONDS,
    subject = () => undefined }) {
    super();
    this.#client = client;
    this.#idleTimeout = idleTimeout;
    this.#absoluteTimeout = absoluteTimeout;
    this.#subjectOf = subject;
  }

  get(id, callback) {
    answer(callback, async () => {
      const found = await this.#client.read(id);
      if (found === null) return null;
      const session = {};
      for (const [name, value] of Object.entries(found.data)) session[name] = fromWire(value);
      session.cookie ??= { originalMaxAge: null };
      const texts = textsOf(session);
      if (!("cookie" in found.data)) texts.delete("cookie");
      this.#fresh.set(session, { id, texts, idle: this.#idleOf(session.cookie) });
      // The cookie ends when the session does, whoever has touched it last.
      if (session.cookie.originalMaxAge !== null) {
        session.cookie.expires = found.idleExpiresAt.toISOString();
      }
      return session;
    });
  }

  // By express-session, with what get() has given.
  createSession(request, session) {
    const read = this.#fresh.get(session);
    if (read) this.#read.set(request, read);
    return super.createSession(request, session);
  }

  set(id, session, callback) {
    answer(callback, async () => {
      if (session.cookie?.expires && new Date(session.cookie.expires) <= new Date()) {
        await this.#client.destroy(id);
        return;
      }
      const read = this.#readOf(id, session);
      if (read === undefined) await this.#begin(id, session);
      else await this.#change(id, session, read);
    });
  }

  touch(id, session, callback) {
    answer(callback, async () => {
      const read = this.#readOf(id, session);
      const idle = this.#idleOf(session.cookie);
      // Reading has touched it already.
      if (read !== undefined && read.idle === idle) return;
      await this.#lateIsNothing(() => this.#client.touch(id, { idleTimeout: idle }));
    });
  }

  destroy(id, callback) {
    answer(callback, async () => {
      await this.#client.destroy(id);
    });
  }

  #readOf(id, session) {
    const read = session.req && this.#read.get(session.req);
    return read?.id === id ? read : undefined;
  }

  #idleOf(cookie) {
    const ms = cookie?.originalMaxAge;
    return typeof ms === "number" && ms >= 1000 ? ms / 1000 : this.#idleTimeout;
  }

  async #begin(id, session) {
    const texts = textsOf(session);
    const idleTimeout = this.#idleOf(session.cookie);
    const begin = {
      id, idleTimeout, absoluteTimeout: Math.max(this.#absoluteTimeout, idleTimeout),
      subject: this.#subjectOf(session),
    };
    try {
      await this.#client.create(dataOf(texts), begin);
    } catch (error) {
      if (error.httpStatus !== 409) throw error;
      await this.#client.replace(id, dataOf(texts)); // Somebody saves what they have not read.
    }
    if (session.req) this.#read.set(session.req, { id, texts, idle: idleTimeout });
  }

  async #change(id, session, read) {
    const texts = textsOf(session);
    const idle = this.#idleOf(session.cookie);
    const patch = patchOf(read.texts, texts);
    await this.#lateIsNothing(async () => {
      if (patch) await this.#client.merge(id, patch);
      if (idle !== read.idle) await this.#client.touch(id, { idleTimeout: idle });
    });
    this.#read.set(session.req, { id, texts, idle });
  }

  // Another request has logged out meanwhile, and that stands.
  async #lateIsNothing(write) {
    try {
      await write();
    } catch (error) {
      if (!(error instanceof SessionDestroyed)) throw error;
    }
  }
}

function answer(callback = () => {}, work) {
  work().then((value) => process.nextTick(callback, null, value),
    (error) => process.nextTick(callback, error));
}

module.exports = { HeadraceStore };
