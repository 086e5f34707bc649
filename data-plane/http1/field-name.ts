/**
 * Field names as shared, lower-case strings: one table slot and one comparison give the string, so that a head of common
 * names allocates none of them.
 *
 * A name outside the known set takes the slot it hashes to and may be replaced there by the next one: the table never
 * grows, and a client that floods it only makes its own lookups slower.
 */

import { TOKEN_LOWER } from "./chars.ts";

/** What the codec does with a field; everything that is not end-to-end has a kind of its own. */
export const ORDINARY = 0;
export const HOST = 1;
export const CONTENT_LENGTH = 2;
export const TRANSFER_ENCODING = 3;
export const CONNECTION = 4;
export const EXPECT = 5;
export const UPGRADE = 6;
export const TE = 7;
export const KEEP_ALIVE = 8;
/** Hop-by-hop and of no use to us: removed (H1). */
export const DROPPED = 9;

export interface FieldName {
  readonly text: string;
  readonly kind: number;
  /** Gateways that make variables of fields read `_` and `-` alike (http1.md 4). */
  readonly hasUnderscore: boolean;
  /** The bytes of `text`. */
  readonly bytes: Uint8Array;
}

const SPECIAL_KINDS = new Map<string, number>([
  ["host", HOST],
  ["content-length", CONTENT_LENGTH],
  ["transfer-encoding", TRANSFER_ENCODING],
  ["connection", CONNECTION],
  ["expect", EXPECT],
  ["upgrade", UPGRADE],
  ["te", TE],
  ["keep-alive", KEEP_ALIVE],
  ["trailer", DROPPED],
  ["proxy-connection", DROPPED],
  ["proxy-authenticate", DROPPED],
  ["proxy-authorization", DROPPED],
]);

/** A local name for the table: an imported binding is read from its cell at every use, which doubles the cost of a byte. */
const LOWER = TOKEN_LOWER;
const COLON = 0x3a;
const SLOTS = 1024;
const slots: (FieldName | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

// Hot: once per field line. `start` is below `end`, and both are in bounds, hence each `!`.
/** The name at `bytes[start, end)`, all of it token characters, at least one. */
export function fieldNameAt(bytes: Buffer, start: number, end: number): FieldName {
  const slot = slotAt(bytes, start, end);
  const found = slots[slot];
  if (found !== undefined && equals(found.bytes, bytes, start, end)) return found;
  const name = fieldName(bytes.toString("latin1", start, end).toLowerCase());
  // A field of this hop keeps its slot.
  if (found === undefined || found.kind === ORDINARY) slots[slot] = name;
  return name;
}

// Hot: once per field line.
/** Whether `name` and a colon stand at `start`, before `end`. */
export function isNameAt(name: FieldName, bytes: Buffer, start: number, end: number): boolean {
  const colon = start + name.bytes.length;
  return colon < end && bytes[colon] === COLON && equals(name.bytes, bytes, start, colon);
}

function fieldName(text: string): FieldName {
  const bytes = Uint8Array.from(Buffer.from(text, "latin1"));
  return { text, kind: SPECIAL_KINDS.get(text) ?? ORDINARY, hasUnderscore: text.includes("_"), bytes };
}

/** Four bytes and the length tell the names in use apart; a clash costs one string. */
function slotAt(bytes: Buffer, start: number, end: number): number {
  const length = end - start;
  const first = LOWER[bytes[start]!]!;
  const middle = LOWER[bytes[start + (length >> 1)]!]!;
  const beforeLast = LOWER[bytes[length > 1 ? end - 2 : start]!]!;
  const last = LOWER[bytes[end - 1]!]!;
  return (length * 67 + first * 31 + middle * 131 + beforeLast * 17 + last * 7) & (SLOTS - 1);
}

function equals(name: Uint8Array, bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  if (name.length !== length) return false;
  for (let i = 0; i < length; i += 1) if (LOWER[bytes[start + i]!] !== name[i]) return false;
  return true;
}
