/**
 * The Connection field and what follows from it (H1, H2). A peer may nominate a field of its own as hop-by-hop, but not
 * one that we, the next hop or its authorization rely on.
 */

import { listMembers } from "./chars.ts";
import type { HeaderList } from "./message.ts";

const CLOSE = 1;
const KEEP_ALIVE = 2;
const UPGRADE = 4;
const OTHER = 8;

/** Names that stay whatever Connection says: their loss would change who may do what (H2). */
const NOT_NOMINABLE = new Set([
  "authorization",
  "cookie",
  "set-cookie",
  "forwarded",
  "via",
  "traceparent",
  "tracestate",
  "x-request-id",
  "x-real-ip",
]);

export class ConnectionOptions {
  #found = 0;
  readonly #nominated: string[] = [];

  /** Reads the value of Connection; `undefined` when there is none. */
  read(value: string | undefined): void {
    this.#found = 0;
    // To set the length of an array, even to what it is, is a call into the runtime.
    if (this.#nominated.length > 0) this.#nominated.length = 0;
    if (value === undefined) return;
    if (value === "keep-alive") this.#found = KEEP_ALIVE;
    else if (value === "close") this.#found = CLOSE;
    else for (const option of listMembers(value.toLowerCase())) this.#add(option);
  }

  get upgrade(): boolean {
    return (this.#found & UPGRADE) !== 0;
  }

  /** Whether the sender lets the connection live on: HTTP/1.1 by default, HTTP/1.0 on request (RFC 9112 9.3). */
  keepsAlive(minorVersion: 0 | 1): boolean {
    if ((this.#found & CLOSE) !== 0) return false;
    return minorVersion === 1 || (this.#found & KEEP_ALIVE) !== 0;
  }

  /** `headers` without the nominated fields. */
  strip(headers: HeaderList): HeaderList {
    if ((this.#found & OTHER) === 0) return headers;
    const kept: HeaderList = [];
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = headers[i] ?? "";
      if (!this.#nominated.includes(name)) kept.push(name, headers[i + 1] ?? "");
    }
    return kept;
  }

  #add(option: string): void {
    if (option === "close") this.#found |= CLOSE;
    else if (option === "keep-alive") this.#found |= KEEP_ALIVE;
    else if (option === "upgrade") this.#found |= UPGRADE;
    else if (isNominable(option)) {
      this.#found |= OTHER;
      this.#nominated.push(option);
    }
  }
}

function isNominable(name: string): boolean {
  return !NOT_NOMINABLE.has(name) && !name.startsWith("x-forwarded-") && !name.startsWith("x-heddle-");
}
