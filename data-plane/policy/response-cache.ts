import type { HeaderList } from "../http1/message.ts";
import { joinedValue, varyNames } from "./storable.ts";

/** An answer as it may be given again. */
export interface StoredResponse {
  /** End-to-end headers without `age`. */
  readonly headers: HeaderList;
  readonly body: Buffer;
  readonly storedMs: number;
  /** How old it was when it came (RFC 9111 5.1). */
  readonly ageMs: number;
  /** Names and values of the request's headers that it was chosen by. */
  readonly variant: HeaderList;
}

export interface CacheBounds {
  readonly bytesMax: number;
  readonly entriesMax: number;
}

/** What an entry costs beside its body and headers: a map's entry and the objects. */
const ENTRY_BYTES = 512;

/**
 * The last good answers, for the day the service gives none. One for each key, the newest; at a bound the one that was
 * stored longest ago goes. An answer that is given again is not renewed by it: only the service can do that.
 *
 * Pure: time comes in as `nowMs`.
 */
export class ResponseCache {
  /** In the order in which they were stored. */
  readonly #entries = new Map<string, StoredResponse>();
  readonly #bounds: CacheBounds;
  #bytes = 0;

  constructor(bounds: CacheBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether the answer under this key was stored less than `ms` ago: no need to keep another copy yet. */
  isNewerThan(key: string, ms: number, nowMs: number): boolean {
    const known = this.#entries.get(key);
    return known !== undefined && nowMs - known.storedMs < ms;
  }

  /** Keeps an answer that `mayStore` allowed. `request` are the headers it was an answer to. */
  store(key: string, request: HeaderList, response: { headers: HeaderList; body: Buffer }, nowMs: number): void {
    const ageSec = Number(joinedValue(response.headers, "age"));
    const stored: StoredResponse = {
      headers: withoutAge(response.headers).map(ownCopy),
      body: response.body,
      storedMs: nowMs,
      ageMs: Number.isFinite(ageSec) && ageSec > 0 ? ageSec * 1_000 : 0,
      variant: varyNames(response.headers).flatMap((name) => [name, joinedValue(request, name)].map(ownCopy)),
    };
    this.#remove(key);
    if (costOf(key, stored) > this.#bounds.bytesMax) return;
    this.#entries.set(ownCopy(key), stored);
    this.#bytes += costOf(key, stored);
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bounds.bytesMax && this.#entries.size <= this.#bounds.entriesMax) break;
      this.#remove(oldest);
    }
  }

  /** The answer to the same request, if it is at most `maxAgeMs` old. */
  find(key: string, request: HeaderList, maxAgeMs: number, nowMs: number): StoredResponse | undefined {
    const stored = this.#entries.get(key);
    if (stored === undefined || nowMs - stored.storedMs + stored.ageMs > maxAgeMs) return undefined;
    const { variant } = stored;
    for (let at = 0; at < variant.length; at += 2) {
      if (joinedValue(request, variant[at] ?? "") !== variant[at + 1]) return undefined;
    }
    return stored;
  }

  #remove(key: string): void {
    const stored = this.#entries.get(key);
    if (stored === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= costOf(key, stored);
  }
}

function costOf(key: string, { headers, body, variant }: StoredResponse): number {
  let chars = key.length;
  for (const text of headers) chars += text.length;
  for (const text of variant) chars += text.length;
  return ENTRY_BYTES + chars + body.length;
}

function withoutAge(headers: HeaderList): HeaderList {
  return headers.filter((_, index) => headers[index - (index % 2)] !== "age");
}

/** A part of a string keeps the whole of it: an entry must not hold on to the heads that it came from, which nobody counts. */
function ownCopy(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
