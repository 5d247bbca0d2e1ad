// Sessions and cache over Headrace.

export class HeadraceError extends Error {}
/** Nobody can say now. */
export class Unavailable extends HeadraceError {
  constructor(reason: string, more?: { retryAfter?: number; cause?: unknown });
  readonly retryAfter: number | undefined;
  readonly status: 503;
  readonly statusCode: 503;
}
export class CacheUnavailable extends Unavailable {}
export class SessionUnavailable extends Unavailable {}
/** The server says no. */
export class Refused extends HeadraceError {
  constructor(httpStatus: number, code: string, detail: string);
  readonly httpStatus: number;
  readonly code: string;
  readonly detail: string;
}
export class Conflict extends Refused {}
export class PreconditionFailed extends Refused {}
/** The session has ended and stays so. */
export class SessionDestroyed extends Refused {}

export interface BreakerOptions {
  failuresMax?: number;
  windowMs?: number;
  pauseMs?: number;
  now?: () => number;
}
export class Breaker {
  constructor(options?: BreakerOptions);
  readonly state: "closed" | "open" | "half-open";
  admits(): boolean;
  succeeded(): void;
  failed(): void;
}

export interface EndpointOptions {
  apiKey?: string;
  /** Of a whole call, retries included. */
  timeoutMs?: number;
  retriesMax?: number;
  breaker?: Breaker;
}
export interface Reply {
  status: number;
  headers: Headers;
  text: string;
}
export interface Asked {
  body?: string;
  headers?: Record<string, string>;
  repeatable?: boolean;
}
export class Endpoint {
  constructor(url: string, options?: EndpointOptions);
  readonly url: string;
  timeoutMs: number;
  readonly breaker: Breaker;
  ask(method: string, path: string, asked?: Asked): Promise<Reply>;
}

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Data = Record<string, unknown>;

export interface Ends {
  version: string;
  idleExpiresAt: Date;
  absoluteExpiresAt: Date;
}
export interface Begun extends Ends {
  id: string;
}
export interface Session extends Ends {
  data: Data;
  /** This read has moved the idle deadline. */
  touched: boolean;
  subject?: string;
  label?: string;
}
export interface Listed {
  /** The first characters, to recognise it by. */
  handle: string;
  createdAt: Date;
  lastSeenAt: Date;
  label?: string;
}
/** Times in seconds, unless a name ends in Ms. */
export interface Beginning {
  id?: string;
  idleTimeout?: number;
  absoluteTimeout?: number;
  subject?: string;
  label?: string;
}
export interface Rotation {
  graceMs?: number;
  idleTimeout?: number;
  absoluteTimeout?: number;
  subject?: string;
  label?: string;
}
export class SessionClient {
  constructor(endpoint: Endpoint, app?: string);
  readonly endpoint: Endpoint;
  create(data: Data, beginning?: Beginning): Promise<Begun>;
  /** Null if there is no such session. */
  read(id: string, options?: { touch?: boolean }): Promise<Session | null>;
  merge(id: string, patch: Data, options?: { ifVersion?: string }): Promise<Ends | null>;
  replace(id: string, data: Data, options?: { ifVersion?: string }): Promise<Ends | null>;
  touch(id: string, options?: { idleTimeout?: number }): Promise<boolean>;
  rotate(id: string, rotation?: Rotation): Promise<Begun | null>;
  destroy(id: string): Promise<boolean>;
  list(subject: string): Promise<Listed[]>;
  revoke(subject: string, options?: { exceptId?: string }): Promise<number>;
}
export function handleOf(id: string): string;
export function newId(): string;

export type Found =
  | { kind: "hit"; value: unknown; age?: number; ttl?: number; version?: string; stale: boolean }
  | { kind: "miss" }
  | { kind: "unavailable"; reason: Unavailable };
export interface CacheOptions extends EndpointOptions {
  endpoint?: string | Endpoint;
  namespace?: string;
}
export class CacheClient {
  constructor(options?: CacheOptions);
  static fromEnv(environment?: Record<string, string | undefined>,
    options?: CacheOptions): CacheClient;
  readonly endpoint: Endpoint;
  lookup(key: string): Promise<Found>;
  /** Undefined if there is none. */
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown, options?: { ttl?: number | null }): Promise<void>;
  delete(key: string): Promise<boolean>;
  exists(key: string): Promise<boolean>;
}
