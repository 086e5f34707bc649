/**
 * Field names as shared, lower-case strings. The scanner hashes a name while it checks it; one table slot and one
 * comparison then give the string, so that a head of common names allocates none of them.
 *
 * A name outside the known set takes a slot of its own hash and may be replaced there by the next one: the table never
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
}

const SLOTS = 1024;
const slots: (FieldName | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
const pinned = new Uint8Array(SLOTS);

const SPECIAL: readonly (readonly [string, number])[] = [
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
];
const SPECIAL_KINDS = new Map(SPECIAL);

for (const [text, kind] of SPECIAL) {
  const slot = slotOf(text);
  slots[slot] = { text, kind };
  pinned[slot] = 1;
}

/** The next hash after one more lower-case byte; the hash of nothing is 0. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

/**
 * Hot: once per field line. The name at `bytes[start, end)`, all of it token characters, whose lower-case bytes give
 * `hash`.
 */
export function fieldNameAt(bytes: Buffer, start: number, end: number, hash: number): FieldName {
  const slot = hash & (SLOTS - 1);
  const found = slots[slot];
  if (found !== undefined && equals(found.text, bytes, start, end)) return found;
  return remember(bytes.toString("latin1", start, end).toLowerCase(), slot);
}

function remember(text: string, slot: number): FieldName {
  const name = { text, kind: SPECIAL_KINDS.get(text) ?? ORDINARY };
  if (pinned[slot] === 0) slots[slot] = name;
  return name;
}

function equals(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i += 1) {
    if (TOKEN_LOWER[bytes[start + i] ?? 0] !== text.charCodeAt(i)) return false;
  }
  return true;
}

function slotOf(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i += 1) hash = hashStep(hash, text.charCodeAt(i));
  return hash & (SLOTS - 1);
}
