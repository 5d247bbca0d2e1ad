"use strict";
// A cache of JSON values: keys of one namespace, each with a time to live.

const { Endpoint, isAbsent, sound } = require("./endpoint.cjs");
const { CacheUnavailable, Unavailable } = require("./errors.cjs");

class CacheClient {
  #namespace;

  constructor({ apiKey, endpoint = "http://127.0.0.1:8080", namespace = "default", ...more } = {}) {
    this.endpoint = endpoint instanceof Endpoint ? endpoint
      : new Endpoint(endpoint, { apiKey, ...more });
    this.#namespace = encodeURIComponent(namespace);
  }

  static fromEnv(environment = process.env, options = {}) {
    return new CacheClient({
      endpoint: environment.HEADRACE_URL, apiKey: environment.HEADRACE_API_KEY,
      namespace: environment.HEADRACE_NAMESPACE, ...options,
    });
  }

  // {kind: "hit", value, age, ttl, version, stale}, {kind: "miss"} or {kind: "unavailable", reason}
  async lookup(key) {
    try {
      const reply = await this.#ask("GET", "kv", key);
      if (isAbsent(reply)) return { kind: "miss" };
      const { headers, text } = sound(reply);
      const isJson = /^application\/(\S+\+)?json\b/.test(headers.get("content-type") ?? "");
      const number = (name) => headers.has(name) ? Number(headers.get(name)) : undefined;
      const left = number("expires-in");
      return {
        kind: "hit", value: isJson ? JSON.parse(text) : text, age: number("age"),
        ttl: left === undefined ? undefined : left / 1000,
        version: headers.get("etag")?.replaceAll('"', ""),
        stale: headers.get("cache-status")?.includes("detail=stale") ?? false,
      };
    } catch (error) {
      if (error instanceof Unavailable) return { kind: "unavailable", reason: error };
      throw error;
    }
  }

  // The value; undefined if there is none.
  async get(key) {
    const found = await this.lookup(key);
    if (found.kind === "unavailable") throw found.reason;
    return found.value;
  }

  // Keeps a value for `ttl` seconds; null: for good, if the server allows it; left out: as long as
  // the server is set to.
  async set(key, value, { ttl } = {}) {
    const query = ttl === undefined ? "" : `?ttl=${ttl === null ? "none" : ttl}`;
    sound(await this.#ask("PUT", "kv", key, query, {
      body: JSON.stringify(value), headers: { "content-type": "application/json" },
    }));
  }
  async delete(key) {
    return JSON.parse(sound(await this.#ask("DELETE", "kv", key)).text).deleted;
  }
  async exists(key) {
    return JSON.parse(sound(await this.#ask("GET", "exists", key)).text).exists;
  }

  async #ask(method, verb, key, query = "", request = {}) {
    const path = `/v1/${verb}/${this.#namespace}/${encodeURIComponent(key)}${query}`;
    try {
      return await this.endpoint.ask(method, path, request);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      throw new CacheUnavailable(`the cache is unavailable: ${error.message}`,
        { retryAfter: error.retryAfter, cause: error });
    }
  }
}

module.exports = { CacheClient };
