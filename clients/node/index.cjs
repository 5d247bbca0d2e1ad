"use strict";

const { CacheClient } = require("./lib/cache.cjs");
const { Breaker, Endpoint } = require("./lib/endpoint.cjs");
const errors = require("./lib/errors.cjs");
const { SessionClient, handleOf, newId } = require("./lib/sessions.cjs");

module.exports = { Breaker, CacheClient, Endpoint, SessionClient, handleOf, newId, ...errors };
