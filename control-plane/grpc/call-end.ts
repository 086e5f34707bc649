import type { status } from "@grpc/grpc-js";

/** How a call ends: gRPC's status and a sentence. */
export interface CallEnd {
  readonly code: status;
  readonly details: string;
}

const UTF8 = new TextEncoder();

/** The trailers that say it. */
export function trailersOf({ code, details }: CallEnd): Record<string, string> {
  const trailers: Record<string, string> = { "grpc-status": String(code) };
  if (details !== "") trailers["grpc-message"] = percentEncode(details);
  return trailers;
}

/** gRPC over HTTP/2, Status-Message: all but printable ASCII, and `%` itself, is percent-encoded UTF-8. */
function percentEncode(text: string): string {
  let encoded = "";
  for (const byte of UTF8.encode(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
