import { chunked } from "./chunked-body.ts";
import type { Shape } from "./order.ts";
import { ID_CHARS, payloadAfterId } from "./payload.ts";

/** The path of a request is `/KIND/ID?full=1`; the kind says which response the upstream gives. */
export type Kind = "s" | "c" | "k" | "d";

export const SMALL_BYTES = 128;
export const POST_BYTES = 16 * 1024;
export const CHUNKED_BYTES = 1024 * 1024;
export const DOWNLOAD_BYTES = 8 * 1024 * 1024;
export const CHUNK_BYTES = 64 * 1024;
/** What a server writes that buffers little (Go's net/http). */
export const SMALL_CHUNK_BYTES = 2 * 1024;

export const RESPONSE_BYTES: Readonly<Record<Kind, number>> = {
  s: SMALL_BYTES,
  c: CHUNKED_BYTES,
  k: CHUNKED_BYTES,
  d: DOWNLOAD_BYTES,
};

const KINDS: Readonly<Record<Shape, Kind>> = {
  get: "s",
  "get-30-fields": "s",
  "post-16k": "s",
  "chunked-1m": "c",
  "chunked-2k": "k",
  "download-8m": "d",
};

/** The bytes of one request with gaps for the id, and what must come back. */
export interface RequestTemplate {
  readonly bytes: Buffer;
  readonly idOffsets: readonly number[];
  readonly requestBytes: number;
  readonly responseBytes: number;
}

const GAP = "#".repeat(ID_CHARS);

export function requestTemplate(shape: Shape, authority: string): RequestTemplate {
  const kind = KINDS[shape];
  const [method, fields, body] = partsOf(shape);
  const head = [
    `${method} /${kind}/${GAP}?full=1 HTTP/1.1`,
    `host: ${authority}`,
    "user-agent: heddle-bench",
    "accept: */*",
    `x-bench-id: ${GAP}`,
    ...fields,
    "\r\n",
  ].join("\r\n");
  const bytes = Buffer.concat([Buffer.from(head, "latin1"), body]);
  const idOffsets: number[] = [];
  for (let at = bytes.indexOf(GAP); at >= 0; at = bytes.indexOf(GAP, at + ID_CHARS)) idOffsets.push(at);
  const requestBytes = shape === "post-16k" ? POST_BYTES : shape.startsWith("chunked") ? CHUNKED_BYTES : 0;
  return { bytes, idOffsets, requestBytes, responseBytes: RESPONSE_BYTES[kind] };
}

function partsOf(shape: Shape): [method: string, fields: readonly string[], body: Buffer] {
  const gap = Buffer.from(GAP);
  switch (shape) {
    case "get-30-fields":
      // With the five above and the proxy's own, as heavy as a browser's request behind a few gateways.
      return [
        "GET",
        Array.from({ length: 26 }, (_, at) => `x-field-${at}: ${"value of a field ".repeat(2)}${at}`),
        EMPTY,
      ];
    case "post-16k":
      return ["POST", [`content-length: ${POST_BYTES}`], Buffer.concat([gap, payloadAfterId(POST_BYTES)])];
    case "chunked-1m":
    case "chunked-2k": {
      const chunkBytes = shape === "chunked-1m" ? CHUNK_BYTES : SMALL_CHUNK_BYTES;
      return ["POST", ["transfer-encoding: chunked"], chunked([gap, payloadAfterId(CHUNKED_BYTES)], chunkBytes)];
    }
    default:
      return ["GET", [], EMPTY];
  }
}

const EMPTY = Buffer.alloc(0);
