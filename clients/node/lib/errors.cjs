"use strict";
// What a call may fail with.  No message has a value, an id or a credential in it.

class HeadraceError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

// Nobody can say now: not that it is there, nor that it is not.  A write that ended so may
// nevertheless have been made.
class Unavailable extends HeadraceError {
  constructor(reason, { retryAfter, cause } = {}) {
    super(reason, { cause });
    this.retryAfter = retryAfter;
    this.status = this.statusCode = 503;
  }
}
class CacheUnavailable extends Unavailable {}
class SessionUnavailable extends Unavailable {}

// The server has understood and says no.
class Refused extends HeadraceError {
  constructor(httpStatus, code, detail) {
    super(detail ? `${httpStatus} ${code}: ${detail}` : `${httpStatus} ${code}`);
    this.httpStatus = httpStatus;
    this.code = code;
    this.detail = detail;
  }
}
class Conflict extends Refused {}
class PreconditionFailed extends Refused {}
// The session has ended and stays so: its user is logged out.
class SessionDestroyed extends Refused {}

module.exports = {
  HeadraceError, Unavailable, CacheUnavailable, SessionUnavailable, Refused, Conflict,
  PreconditionFailed, SessionDestroyed,
};
