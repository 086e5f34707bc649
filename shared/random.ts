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
  /** The last trace id, spelled as the UUID that it is: one id, two spellings (seeds.md C15). */
  traceUuid(): string;
  /** 16 lower-case hex digits, never all zero. */
  spanId(): string;
}

/** A draw of 8 bytes costs 1.5 us, one of 8 KiB about 6 us: style.md 3.1 forbids the first per request. */
const BYTES_PER_DRAW = 8 * 1_024;
const TRACE_ID_BYTES = 16;
const TRACE_IDS_PER_DRAW = BYTES_PER_DRAW / TRACE_ID_BYTES;
const TRACE_ID_DIGITS = 32;
const UUID_CHARS = 36;
/** Where each of the 32 digits stands in a UUID: between them are dashes (RFC 9562 4). */
const CHAR_OF_DIGIT = Uint8Array.from({ length: TRACE_ID_DIGITS }, (_, digit) => {
  return digit + [8, 12, 16, 20].filter((dash) => dash <= digit).length;
});
const SPAN_ID_DIGITS = 16;
const CODE_OF_0 = 0x30;

/** Span ids, drawn in bulk and cut off piece by piece. */
class SpanIds {
  #digits = "";
  #at = 0;

  // Hot: at least once per request.
  next(): string {
    if (this.#at === this.#digits.length) {
      this.#digits = randomBytes(BYTES_PER_DRAW).toString("hex");
      this.#at = 0;
    }
    this.#at += SPAN_ID_DIGITS;
    const id = this.#digits.slice(this.#at - SPAN_ID_DIGITS, this.#at);
    // The first digit decides for nearly all: to compare parts of long strings is a call into the runtime.
    return id.charCodeAt(0) === CODE_OF_0 && id === "0000000000000000" ? "0000000000000001" : id;
  }
}

/** Trace ids in both spellings: a UUID put together for each request was a string of nine pieces. */
class TraceIds {
  #digits = "";
  #uuids = "";
  #taken = TRACE_IDS_PER_DRAW;

  // Hot: once per request.
  next(): string {
    if (this.#taken === TRACE_IDS_PER_DRAW) this.#draw();
    const at = this.#taken * TRACE_ID_DIGITS;
    this.#taken += 1;
    return this.#digits.slice(at, at + TRACE_ID_DIGITS);
  }

  /** Of the last trace id; of a new one when there was none. */
  lastUuid(): string {
    if (this.#uuids === "") this.next();
    const end = this.#taken * UUID_CHARS;
    return this.#uuids.slice(end - UUID_CHARS, end);
  }

  #draw(): void {
    const bytes = randomBytes(BYTES_PER_DRAW);
    // The version and the variant of RFC 9562 5.4 at their places in each id.
    for (let at = 0; at < bytes.length; at += TRACE_ID_BYTES) {
      bytes.writeUInt8((bytes.readUInt8(at + 6) & 0x0f) | 0x40, at + 6);
      bytes.writeUInt8((bytes.readUInt8(at + 8) & 0x3f) | 0x80, at + 8);
    }
    this.#digits = bytes.toString("hex");
    this.#uuids = uuidsOf(Buffer.from(this.#digits, "latin1")).toString("latin1");
    this.#taken = 0;
  }
}

function uuidsOf(digits: Buffer): Buffer {
  const uuids = Buffer.alloc((digits.length / TRACE_ID_DIGITS) * UUID_CHARS, "-");
  for (let at = 0; at < digits.length; at += 1) {
    const digit = at % TRACE_ID_DIGITS;
    // Both in bounds, hence the `!`.
    uuids[((at - digit) / TRACE_ID_DIGITS) * UUID_CHARS + CHAR_OF_DIGIT[digit]!] = digits[at]!;
  }
  return uuids;
}

const spanIds = new SpanIds();
const traceIds = new TraceIds();

export const systemIds: Ids = {
  uuid: () => v4(),
  traceId: () => traceIds.next(),
  traceUuid: () => traceIds.lastUuid(),
  spanId: () => spanIds.next(),
};
