import { Store, SessionData } from "express-session";
import { SessionClient } from "./index.js";

export interface HeadraceStoreOptions {
  client: SessionClient;
  /** Seconds, of a cookie that ends with the browser; else its maxAge counts. */
  idleTimeout?: number;
  absoluteTimeout?: number;
  /** Whose a session is when it begins. */
  subject?: (session: SessionData) => string | undefined;
}
export class HeadraceStore extends Store {
  constructor(options: HeadraceStoreOptions);
  get(id: string, callback: (error: unknown, session?: SessionData | null) => void): void;
  set(id: string, session: SessionData, callback?: (error?: unknown) => void): void;
  destroy(id: string, callback?: (error?: unknown) => void): void;
  touch(id: string, session: SessionData, callback?: () => void): void;
}
