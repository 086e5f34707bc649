import { createHash } from "node:crypto";

import { err, ok, type Result } from "../../shared/result.ts";
import { RESOURCE_TYPES, type ResourceType, type StoredSnapshot, type StoredType } from "./discovery-message.ts";

/**
 * The file of the last good snapshot. One line of text that says what it is, one line of JSON that describes the rest,
 * the bytes of the resources one after the other, and the SHA-256 of everything before it.
 *
 *     heddle-snapshot 1\n
 *     {"meshId":"...","savedWallMs":...,"types":[{"type":"clusters","version":"r4.ab","lengths":[120,98]}, ...]}\n
 *     <resources> <32 bytes of SHA-256>
 *
 * The first line is read before the checksum, so that a newer Heddle may change everything behind it and this one still
 * says what the matter is.
 */
const MAGIC = "heddle-snapshot";
const FORMAT = 1;
const CHECKSUM_BYTES = 32;
const NEWLINE = 0x0a;
/** A version line longer than this is not ours. */
const FIRST_LINE_BYTES_MAX = 64;

export interface LastGood {
  readonly snapshot: StoredSnapshot;
  readonly savedWallMs: number;
}

export function encodeLastGood({ snapshot, savedWallMs }: LastGood): Buffer {
  const types = snapshot.types.map(({ type, version, resources }) => ({
    type,
    version,
    lengths: resources.map(({ length }) => length),
  }));
  const header = JSON.stringify({ meshId: snapshot.meshId, savedWallMs, types });
  const body = Buffer.concat([
    Buffer.from(`${MAGIC} ${FORMAT}\n${header}\n`),
    ...snapshot.types.flatMap(({ resources }) => resources),
  ]);
  return Buffer.concat([body, createHash("sha256").update(body).digest()]);
}

/** The snapshot in the file, or in words why there is none to be had. Any bytes are safe to pass. */
export function decodeLastGood(file: Buffer): Result<LastGood, string> {
  const firstEnd = file.subarray(0, FIRST_LINE_BYTES_MAX).indexOf(NEWLINE);
  const first = /^heddle-snapshot (\d{1,9})$/.exec(file.toString("latin1", 0, Math.max(firstEnd, 0)));
  if (first === null) return err("it is not a snapshot of Heddle, or was cut short");
  const format = Number(first[1]);
  if (format > FORMAT) return err(`it was written by a newer Heddle (format ${format}; this one reads ${FORMAT})`);
  if (format < FORMAT) return err(`it has the unknown format ${format}`);
  const bodyEnd = file.length - CHECKSUM_BYTES;
  if (bodyEnd <= firstEnd) return err("it was cut short");
  const checksum = createHash("sha256").update(file.subarray(0, bodyEnd)).digest();
  if (!checksum.equals(file.subarray(bodyEnd))) return err("its checksum is wrong: it was damaged or cut short");
  return decodeBody(file, firstEnd + 1, bodyEnd);
}

/** The checksum held, so what is wrong from here on was written wrong. */
function decodeBody(file: Buffer, headerStart: number, bodyEnd: number): Result<LastGood, string> {
  const headerEnd = file.indexOf(NEWLINE, headerStart);
  if (headerEnd < 0 || headerEnd >= bodyEnd) return err("it has no header");
  const header = readHeader(file.toString("utf8", headerStart, headerEnd));
  if (header === undefined) return err("its header does not describe a snapshot");
  const types: StoredType[] = [];
  let start = headerEnd + 1;
  for (const { type, version, lengths } of header.types) {
    const resources: Uint8Array[] = [];
    for (const length of lengths) {
      resources.push(file.subarray(start, start + length));
      start += length;
    }
    types.push({ type, version, resources });
  }
  if (start !== bodyEnd) return err("its resources do not add up to its size");
  return ok({ snapshot: { meshId: header.meshId, types }, savedWallMs: header.savedWallMs });
}

interface Header {
  readonly meshId: string;
  readonly savedWallMs: number;
  readonly types: readonly {
    readonly type: ResourceType;
    readonly version: string;
    readonly lengths: readonly number[];
  }[];
}

function readHeader(text: string): Header | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined; // Not JSON: the caller says so in words.
  }
  return isHeader(read) ? read : undefined;
}

function isHeader(value: unknown): value is Header {
  if (!isRecord(value) || typeof value["meshId"] !== "string" || typeof value["savedWallMs"] !== "number") return false;
  const { types } = value;
  return Array.isArray(types) && types.every(isTypeHeader);
}

function isTypeHeader(value: unknown): boolean {
  if (!isRecord(value) || typeof value["version"] !== "string") return false;
  const { type, lengths } = value;
  if (!RESOURCE_TYPES.some((known) => known === type) || !Array.isArray(lengths)) return false;
  return lengths.every((length) => Number.isInteger(length) && length >= 0);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
