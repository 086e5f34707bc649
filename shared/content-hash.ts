import { createHash } from "node:crypto";

/** Identity of some bytes: 16 hex digits of SHA-256. Equal content gives equal text on every machine. */
export function contentHash(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}
