import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc, { type Arbitrary } from "fast-check";

import { Node } from "../../../shared/generated/envoy/config/core/v3/base.ts";
import {
  DiscoveryRequest as RequestMessage,
  DiscoveryResponse as ResponseMessage,
} from "../../../shared/generated/envoy/service/discovery/v3/discovery.ts";
import type { ProxyNode } from "../../../shared/model/node.ts";
import { seededRandom } from "../../../shared/random.ts";
import { decodeMessage } from "../../../shared/wire/any.ts";
import {
  decodeNames,
  encodeDiscoveryRequest,
  readDiscoveryRequest,
  type RequestFields,
} from "../../../shared/wire/discovery-request.ts";
import {
  decodeDiscoveryResponse,
  encodeResourceEntry,
  encodeResponseBody,
  encodeResponseNonce,
} from "../../../shared/wire/discovery-response.ts";
import { readNode } from "../../../shared/wire/node-wire.ts";
import { RESOURCE_TYPES, typeUrls } from "../../../shared/wire/resource-types.ts";
import { protoTree } from "../../support/proto-tree.ts";

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const named = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const optional = <T>(arbitrary: Arbitrary<T>): Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

const node: Arbitrary<ProxyNode> = fc.record({
  id: text,
  kind: fc.constant("heddle"),
  service: named,
  version: text,
  inbound: optional(named),
  outbound: optional(named),
  admin: optional(named),
  snapshotSource: fc.constantFrom("none", "disk", "stream"),
});

const request: Arbitrary<RequestFields> = fc
  .record({
    versionInfo: text,
    node: optional(node),
    names: fc.array(text, { maxLength: 20 }),
    typeUrl: text,
    responseNonce: text,
    error: optional(fc.record({ code: fc.integer({ min: 0, max: 16 }), message: text })),
  })
  .map((fields) => structuredClone(fields));

describe("a discovery request", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(request, (fields) => {
        const read = readDiscoveryRequest(encodeDiscoveryRequest(fields));
        assert.ok(read.ok);
        const { namesBytes, ...rest } = read.value;
        assert.deepEqual({ ...rest, names: decodeNames(namesBytes) }, fields);
      }),
    );
  });

  it("is read as the generated codec reads it, whatever the order of its fields", () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 3 }), (parts) => {
        // Messages that are concatenated are one message: later scalars win, lists are joined.
        const bytes = Buffer.concat(parts.map(encodeDiscoveryRequest));
        const [ours, theirs] = [readDiscoveryRequest(bytes), RequestMessage.decode(bytes)];
        assert.ok(ours.ok);
        assert.equal(ours.value.versionInfo, theirs.versionInfo);
        assert.equal(ours.value.typeUrl, theirs.typeUrl);
        assert.equal(ours.value.responseNonce, theirs.responseNonce);
        assert.deepEqual(decodeNames(ours.value.namesBytes), theirs.resourceNames);
        assert.equal(ours.value.error?.message, theirs.errorDetail?.message);
        assert.deepEqual(ours.value.node, theirs.node === undefined ? undefined : readNode(theirs.node));
      }),
    );
  });

  it("keeps the bytes of its names apart, so that equal subscriptions are equal bytes", () => {
    const base = { node: undefined, names: ["a", "b"], typeUrl: "t", error: undefined };
    const first = readDiscoveryRequest(encodeDiscoveryRequest({ ...base, versionInfo: "1", responseNonce: "" }));
    const second = readDiscoveryRequest(encodeDiscoveryRequest({ ...base, versionInfo: "22", responseNonce: "n" }));
    assert.ok(first.ok && second.ok);
    assert.ok(first.value.namesBytes.equals(second.value.namesBytes));
    assert.deepEqual(decodeNames(second.value.namesBytes), ["a", "b"]);
  });

  it("is the same whatever names of an earlier one are known", () => {
    const short = fc.array(fc.constantFrom("", "a", "b", "ab"), { maxLength: 4 });
    const property = fc.property(
      fc.array(request, { minLength: 1, maxLength: 2 }),
      short,
      short,
      (parts, known, more) => {
        const base = { versionInfo: "", node: undefined, typeUrl: "", responseNonce: "", error: undefined };
        const knownNames = encodeDiscoveryRequest({ ...base, names: known });
        // Names as known, as known and more, other names; and more than one run of them.
        for (const names of [known, [...known, ...more], more]) {
          const bytes = Buffer.concat(parts.map((fields) => encodeDiscoveryRequest({ ...fields, names })));
          assert.deepEqual(readDiscoveryRequest(bytes, knownNames), readDiscoveryRequest(bytes));
        }
      },
    );
    fc.assert(property);
  });

  it("passes over fields it does not know", () => {
    // Field 7 (resource_locators) with a name, a fixed64 and a fixed32 that no message has.
    const strange = Buffer.from([0x3a, 3, 0x0a, 1, 0x78, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x85, 1, 1, 2, 3, 4]);
    const read = readDiscoveryRequest(Buffer.concat([strange, Buffer.from([0x22, 1, 0x74])]));
    assert.ok(read.ok);
    assert.equal(read.value.typeUrl, "t");
  });

  it("never throws on bad bytes, and reads what the generated codec reads", () => {
    const random = seededRandom(11);
    const requests = fc.sample(request, { numRuns: 50, seed: 11 });
    const flat = requests.map((fields) => ({ ...fields, node: undefined, error: undefined }));
    const samples = [...requests, ...flat].map(encodeDiscoveryRequest);
    // Broken nested messages are left out: there the generated code reads on beyond their end.
    const isFlat = (message: RequestMessage): boolean =>
      message.node === undefined && message.errorDetail === undefined && message.resourceLocators.length === 0;
    const outcomes = { compared: 0, refused: 0 };
    for (let count = 0; count < 10_000; count += 1) {
      const bytes = Buffer.from(samples[random.below(samples.length)] ?? []);
      for (let change = 0; change <= random.below(3); change += 1) {
        if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
      }
      const cut = bytes.subarray(0, random.below(4) === 0 ? random.below(bytes.length + 1) : bytes.length);
      const read = readDiscoveryRequest(cut);
      if (!read.ok) {
        outcomes.refused += 1;
        continue;
      }
      const theirs = decodeMessage(RequestMessage, cut);
      if (!theirs.ok || !isFlat(theirs.value)) continue;
      outcomes.compared += 1;
      assert.deepEqual(decodeNames(read.value.namesBytes), theirs.value.resourceNames);
    }
    assert.ok(outcomes.refused > 500 && outcomes.compared > 500, JSON.stringify(outcomes));
  });

  it("tells what kind of client speaks from its user agent", () => {
    const kind = (userAgentName: string): string => readNode(Node.fromPartial({ userAgentName })).kind;
    assert.equal(kind("heddle"), "heddle");
    assert.equal(kind("gRPC Node Pure JS"), "grpc");
    assert.equal(kind("gRPC Go"), "grpc");
    assert.equal(kind("envoy"), "envoy");
    assert.equal(kind(""), "envoy");
  });
});

describe("a discovery response put together from parts", () => {
  const parts = fc.record({
    versionInfo: text,
    type: fc.constantFrom(...RESOURCE_TYPES),
    controlPlane: text,
    nonce: fc.stringMatching(/^[0-9a-z.]{1,20}$/),
    values: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
  });

  it("is what the generated codec would have written, but for the order of fields", () => {
    fc.assert(
      fc.property(parts, ({ nonce, values, ...body }) => {
        const entries = values.map((value) => encodeResourceEntry(body.type, value));
        const bytes = Buffer.concat([encodeResponseBody({ ...body, entries }), encodeResponseNonce(nonce)]);
        const theirs = ResponseMessage.decode(bytes);
        assert.equal(theirs.versionInfo, body.versionInfo);
        assert.equal(theirs.typeUrl, typeUrls[body.type]);
        assert.equal(theirs.nonce, nonce);
        assert.equal(theirs.controlPlane?.identifier, body.controlPlane);
        assert.deepEqual(
          theirs.resources.map((any) => [any.typeUrl, Buffer.from(any.value)]),
          values.map((value) => [typeUrls[body.type], Buffer.from(value)]),
        );
      }),
    );
  });

  it("is read by our client as it was meant, also after a codec of another make", () => {
    const message = protoTree.lookupType("envoy.service.discovery.v3.DiscoveryResponse");
    fc.assert(
      fc.property(parts, ({ nonce, values, ...body }) => {
        const entries = values.map((value) => encodeResourceEntry(body.type, value));
        const bytes = Buffer.concat([encodeResponseBody({ ...body, entries }), encodeResponseNonce(nonce)]);
        const read = decodeDiscoveryResponse(message.encode(message.decode(bytes)).finish());
        assert.ok(read.ok);
        assert.equal(read.value.nonce, nonce);
        assert.equal(read.value.controlPlane, body.controlPlane);
        assert.equal(read.value.resources.length, values.length);
      }),
    );
  });

  it("gives a sentence for bytes that are no response", () => {
    const read = decodeDiscoveryResponse(Buffer.from([0x12, 0x7f, 1]));
    assert.ok(!read.ok);
    assert.match(read.error, /DiscoveryResponse/);
  });
});
