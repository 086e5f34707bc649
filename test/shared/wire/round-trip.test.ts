import assert from "node:assert/strict";
import { describe, it } from "node:test";

import fc, { type Arbitrary } from "fast-check";

import type { Result } from "../../../shared/result.ts";
import { seededRandom } from "../../../shared/random.ts";
import type { Violation } from "../../../shared/violation.ts";
import { decodeCluster, encodeCluster } from "../../../shared/wire/cluster-wire.ts";
import { decodeDigest, encodeDigest, type Digest } from "../../../shared/wire/digest-wire.ts";
import { decodeLoadAssignment, encodeLoadAssignment } from "../../../shared/wire/endpoint-wire.ts";
import { decodeListener, encodeListener } from "../../../shared/wire/listener-wire.ts";
import { readResourceName } from "../../../shared/wire/resource-name.ts";
import { typeUrls, type ResourceType } from "../../../shared/wire/resource-types.ts";
import { decodeRouteConfig, encodeRouteConfig } from "../../../shared/wire/route-wire.ts";
import { cluster, listener, loadAssignment, routeConfig } from "../../support/model-arbitraries.ts";
import { protoTree } from "../../support/proto-tree.ts";

interface Kind<T> {
  readonly type: ResourceType;
  readonly model: Arbitrary<T>;
  readonly encode: (model: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Result<T, readonly Violation[]>;
}

const digest: Arbitrary<Digest> = fc.record({
  meshId: fc.string(),
  revision: fc.maxSafeInteger().map(Math.abs),
  versions: fc
    .dictionary(fc.stringMatching(/^type\.[a-z]{1,8}\/[A-Z]$/), fc.string(), { noNullPrototype: true })
    .map((versions) => new Map(Object.entries(versions))),
});

const FUZZED = 10_000;

check({ type: "clusters", model: cluster, encode: encodeCluster, decode: decodeCluster });
check({ type: "endpoints", model: loadAssignment, encode: encodeLoadAssignment, decode: decodeLoadAssignment });
check({ type: "listeners", model: listener, encode: encodeListener, decode: decodeListener });
check({ type: "routes", model: routeConfig, encode: encodeRouteConfig, decode: decodeRouteConfig });
check({ type: "digest", model: digest, encode: encodeDigest, decode: decodeDigest });

function check<T>({ type, model: made, encode, decode }: Kind<T>): void {
  // fast-check varies the prototypes of records; models have the plain one.
  const model = made.map((value) => structuredClone(value));
  describe(`the codec of ${type}`, () => {
    it("gives back every model it encoded", () => {
      fc.assert(fc.property(model, (value) => assert.deepEqual(decode(encode(value)), { ok: true, value })));
    });

    it("gives back what a codec of another make decoded and encoded again", () => {
      const message = protoTree.lookupType(typeUrls[type].replace("type.googleapis.com/", ""));
      fc.assert(
        fc.property(model, (value) => {
          const again = message.encode(message.decode(encode(value))).finish();
          assert.deepEqual(decode(again), { ok: true, value });
        }),
      );
    });

    it("gives equal bytes for equal models", () => {
      fc.assert(fc.property(model, (value) => assert.deepEqual(encode(structuredClone(value)), encode(value))));
    });

    it("never throws, whatever the bytes", () => {
      const samples = fc.sample(model, { numRuns: 50, seed: 7 }).map((value) => encode(value));
      const random = seededRandom(7);
      for (let count = 0; count < FUZZED; count += 1) {
        const sample = samples[random.below(samples.length)] ?? new Uint8Array();
        const bytes = count % 4 === 0 ? noise(random.below, 40) : mutate(sample, random.below);
        const result = decode(bytes);
        assert.ok(result.ok || result.error.length > 0, "a refusal says why");
        readResourceName(bytes);
      }
    });
  });
}

type Below = (bound: number) => number;

function noise(below: Below, length: number): Uint8Array {
  return Uint8Array.from({ length: below(length) }, () => below(256));
}

/** Flips, cuts, doubles or inserts a few bytes. */
function mutate(sample: Uint8Array, below: Below): Uint8Array {
  const bytes = [...sample];
  for (let count = 0; count <= below(4); count += 1) {
    const at = below(bytes.length + 1);
    const kind = below(4);
    if (kind === 0) bytes[at] = below(256);
    else if (kind === 1) bytes.splice(at, below(8));
    else if (kind === 2) bytes.splice(at, 0, ...noise(below, 8));
    else bytes.splice(at, 0, ...bytes.slice(at, at + below(32)));
  }
  return Uint8Array.from(bytes, (byte) => byte ?? 0);
}

describe("the name of an encoded resource", () => {
  it("is found without decoding the rest", () => {
    fc.assert(fc.property(cluster, (value) => assert.equal(readResourceName(encodeCluster(value)), value.name)));
    fc.assert(fc.property(listener, (value) => assert.equal(readResourceName(encodeListener(value)), value.name)));
  });
});
