import { Metadata, type StatusObject, type status } from "@grpc/grpc-js";

import { ERROR_DETAILS_BYTES_MAX, ERROR_TEXT_BYTES_MAX } from "../../shared/limits.ts";
import type { Violation } from "../../shared/violation.ts";
import { encodeStatusDetails, STATUS_DETAILS_KEY } from "../../shared/wire/status-details.ts";

/** Why a call is answered with a status other than OK, in words for the person who made it. */
export interface Refusal {
  readonly code: status;
  readonly message: string;
  /** Told in full as google.rpc.BadRequest as well. */
  readonly violations: readonly Violation[];
}

export function refusal(code: status, message: string): Refusal {
  return { code, message, violations: [] };
}

/** All violations in one status. Each message names its row, so the paths stand in the details only. */
export function refuseViolations(code: status, violations: readonly Violation[]): Refusal {
  return { code, message: violations.map(({ message }) => message).join("; "), violations };
}

/**
 * The refusal as gRPC carries it. Both texts travel as response headers, which clients bound (gRPC advises 8 KiB, and
 * Node refuses more than 64 KiB): violations beyond the bound are counted, not told.
 */
export function toStatus({ code, message, violations }: Refusal): StatusObject {
  const metadata = new Metadata();
  const told = firstWithin(violations);
  const details = clip(message, violations);
  if (told.length > 0) metadata.set(STATUS_DETAILS_KEY, encodeStatusDetails(code, "", told));
  return { code, details, metadata };
}

function firstWithin(violations: readonly Violation[]): readonly Violation[] {
  let bytes = 0;
  const end = violations.findIndex(({ path, message }) => {
    bytes += Buffer.byteLength(path) + Buffer.byteLength(message) + 8;
    return bytes > ERROR_DETAILS_BYTES_MAX;
  });
  return end === -1 ? violations : violations.slice(0, end);
}

function clip(message: string, violations: readonly Violation[]): string {
  if (encodedBytes(message) <= ERROR_TEXT_BYTES_MAX) return message;
  const count = violations.length > 1 ? ` (${violations.length} violations in all)` : "";
  let clipped = "";
  let bytes = count.length + 3;
  for (const char of message) {
    bytes += encodedBytes(char);
    if (bytes > ERROR_TEXT_BYTES_MAX) break;
    clipped += char;
  }
  return `${clipped}...${count}`;
}

/** gRPC percent-encodes all but printable ASCII: three bytes for one. */
function encodedBytes(text: string): number {
  return (
    Buffer.byteLength(text.replaceAll(/[\x20-\x24\x26-\x7e]/g, "")) * 3 +
    (text.match(/[\x20-\x24\x26-\x7e]/g)?.length ?? 0)
  );
}
