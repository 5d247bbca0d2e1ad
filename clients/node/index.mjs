import headrace from "./index.cjs";

export const {
  Breaker, CacheClient, Endpoint, SessionClient, handleOf, newId, HeadraceError, Unavailable,
  CacheUnavailable, SessionUnavailable, Refused, Conflict, PreconditionFailed, SessionDestroyed,
} = headrace;
export default headrace;
