import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

import { violation, type Violation } from "../violation.ts";

/** The trailer in which gRPC carries a google.rpc.Status (gRPC's richer error model). */
export const STATUS_DETAILS_KEY = "grpc-status-details-bin";

const BAD_REQUEST_URL = "type.googleapis.com/google.rpc.BadRequest";

/**
 * A google.rpc.Status with one google.rpc.BadRequest, which lists the violations: what the error libraries of every
 * gRPC language read. Written by hand, for the two messages have seven fields (googleapis, google/rpc/status.proto and
 * error_details.proto).
 */
export function encodeStatusDetails(code: number, message: string, violations: readonly Violation[]): Buffer {
  const badRequest = new BinaryWriter();
  for (const { path, message: description } of violations) {
    badRequest.uint32(tag(1)).fork().uint32(tag(1)).string(path).uint32(tag(2)).string(description).join();
  }
  const status = new BinaryWriter()
    .uint32(1 << 3)
    .int32(code)
    .uint32(tag(2))
    .string(message);
  status.uint32(tag(3)).fork().uint32(tag(1)).string(BAD_REQUEST_URL).uint32(tag(2)).bytes(badRequest.finish()).join();
  return Buffer.from(status.finish());
}

/** The violations of a status trailer; empty when it has none. Bytes that are no status are an empty list too. */
export function decodeViolations(bytes: Uint8Array): readonly Violation[] {
  try {
    return fieldsOf(bytes, 3).flatMap((any) => {
      const [url] = fieldsOf(any, 1);
      if (url === undefined || Buffer.from(url).toString() !== BAD_REQUEST_URL) return [];
      return fieldsOf(any, 2).flatMap((badRequest) => fieldsOf(badRequest, 1).map(readViolation));
    });
  } catch {
    // A trailer of another server: its status and words stand on their own.
    return [];
  }
}

function readViolation(bytes: Uint8Array): Violation {
  const text = (field: number): string => Buffer.from(fieldsOf(bytes, field)[0] ?? []).toString();
  return violation(text(1), text(2));
}

/** The tag of a length-delimited field. */
function tag(field: number): number {
  return (field << 3) | 2;
}

/** The values of a length-delimited field, in order. */
function fieldsOf(bytes: Uint8Array, field: number): readonly Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const values: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === field && wireType === 2) values.push(reader.bytes());
    else reader.skip(wireType, number);
  }
  return values;
}
