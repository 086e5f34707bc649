import { randomBytes } from "node:crypto";

import { v4 } from "uuid";

/** The only source of chance. Pure code takes one draw as `unit`, or holds a `Random` when it draws often. */
export interface Random {
  /** A number in [0, 1). */
  unit(): number;
  /** A whole number in [0, bound). `bound` is at least 1. */
  below(bound: number): number;
}

export const systemRandom: Random = {
  unit: () => Math.random(),
  below: (bound) => Math.floor(Math.random() * bound),
};

/** The same numbers for the same seed, on every machine (mulberry32). For tests, simulations and `--seed`. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const unit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { unit, below: (bound) => Math.floor(unit() * bound) };
}

/** Names that nobody else will choose. */
export interface Ids {
  /** A version 4 UUID. */
  uuid(): string;
  /** The 32 digits of a version 4 UUID: a trace id. */
  traceId(): string;
  /** 16 lower-case hex digits, never all zero. */
  spanId(): string;
}

/** A draw of 8 bytes costs 1.5 us, one of 8 KiB about 6 us: style.md 3.1 forbids the first per request. */
const BYTES_PER_DRAW = 8 * 1_024;
const TRACE_ID_BYTES = 16;
const TRACE_ID_DIGITS = 32;
const SPAN_ID_DIGITS = 16;
const CODE_OF_0 = 0x30;

/** Random hex digits, drawn in bulk and cut off piece by piece. */
class Digits {
  readonly #draw: () => string;
  #text = "";
  #at = 0;

  constructor(draw: () => string) {
    this.#draw = draw;
  }

  // Hot: at least once per request.
  next(count: number): string {
    if (this.#at === this.#text.length) {
      this.#text = this.#draw();
      this.#at = 0;
    }
    this.#at += count;
    return this.#text.slice(this.#at - count, this.#at);
  }
}

const spanDigits = new Digits(() => randomBytes(BYTES_PER_DRAW).toString("hex"));
const traceDigits = new Digits(() => {
  const bytes = randomBytes(BYTES_PER_DRAW);
  // The version and the variant of RFC 9562 5.4 at their places in each id.
  for (let at = 0; at < bytes.length; at += TRACE_ID_BYTES) {
    bytes.writeUInt8((bytes.readUInt8(at + 6) & 0x0f) | 0x40, at + 6);
    bytes.writeUInt8((bytes.readUInt8(at + 8) & 0x3f) | 0x80, at + 8);
  }
  return bytes.toString("hex");
});

export const systemIds: Ids = {
  uuid: () => v4(),
  traceId: () => traceDigits.next(TRACE_ID_DIGITS),
  spanId() {
    const id = spanDigits.next(SPAN_ID_DIGITS);
    // The first digit decides for nearly all: to compare parts of long strings is a call into the runtime.
    return id.charCodeAt(0) === CODE_OF_0 && id === "0000000000000000" ? "0000000000000001" : id;
  },
};
