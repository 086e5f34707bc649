import type { FieldScanner } from "./field-scanner.ts";
import type { HeaderList } from "./message.ts";

/**
 * Trailers that may pass (F20): fields that are made to come after a body. All others are dropped, as RFC 9110 6.5.1
 * wants of fields that one does not know to be safe there.
 */
const ALLOWED = new Set([
  "grpc-status",
  "grpc-message",
  "grpc-status-details-bin",
  "server-timing",
  "etag",
  "digest",
  "content-digest",
  "repr-digest",
  "content-md5",
  "signature",
  "signature-input",
]);

/** The scanned trailers that are on the allow-list. */
export function endToEndTrailers(scanner: FieldScanner, text: string): HeaderList {
  const trailers: HeaderList = [];
  for (let i = 0; i < scanner.count; i += 1) {
    // `i` is below the number of lines, hence the `!`.
    const name = scanner.names[i]!.text;
    if (isAllowedTrailer(name)) trailers.push(name, text.slice(scanner.marks[2 * i], scanner.marks[2 * i + 1]));
  }
  return trailers;
}

function isAllowedTrailer(name: string): boolean {
  if (ALLOWED.has(name)) return true;
  return name.startsWith("x-checksum-") || name.startsWith("x-amz-checksum-");
}
