import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc from "fast-check";
import protobuf from "protobufjs";

import { decodeViolations, encodeStatusDetails } from "../../../shared/wire/status-details.ts";

// google/rpc/status.proto and google/rpc/error_details.proto of googleapis, as far as they matter here.
const { root } = protobuf.parse(`
  syntax = "proto3";
  package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message BadRequest {
    message FieldViolation { string field = 1; string description = 2; }
    repeated FieldViolation field_violations = 1;
  }`);

const violations = fc.array(
  fc
    .tuple(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }))
    .map(([path, message]) => ({ path, message })),
);

describe("status details", () => {
  it("are google.rpc.Status with a google.rpc.BadRequest, as another codec reads them", () => {
    const bytes = encodeStatusDetails(3, "words", [
      { path: "v1_weight", message: "must be 0-100" },
      { path: "", message: "é" },
    ]);
    const read = root.lookupType("google.rpc.Status").decode(bytes).toJSON();
    assert.deepEqual([read["code"], read["message"]], [3, "words"]);
    const [any] = read["details"] as readonly {
      readonly type_url?: string;
      readonly typeUrl?: string;
      readonly value: string;
    }[];
    assert.equal(any?.type_url ?? any?.typeUrl, "type.googleapis.com/google.rpc.BadRequest");
    const badRequest = root
      .lookupType("google.rpc.BadRequest")
      .decode(Buffer.from(any?.value ?? "", "base64"))
      .toJSON();
    assert.deepEqual(Object.values(badRequest), [
      [
        { field: "v1_weight", description: "must be 0-100" },
        { field: "", description: "é" },
      ],
    ]);
  });

  it("read back as the violations that were written", () => {
    fc.assert(
      fc.property(violations, (written) => {
        assert.deepEqual(decodeViolations(encodeStatusDetails(3, "words", written)), written);
      }),
    );
  });

  it("of any bytes are some violations or none, never an exception", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeViolations(bytes)));
    assert.deepEqual(decodeViolations(Buffer.from("no protobuf at all")), []);
  });
});
