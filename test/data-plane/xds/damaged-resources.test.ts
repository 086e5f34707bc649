import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { compile, CompileCache } from "../../../data-plane/runtime/compile.ts";
import { ClusterStates } from "../../../data-plane/runtime/cluster-states.ts";
import { EndpointStates } from "../../../data-plane/runtime/endpoint-states.ts";
import type { Runtime } from "../../../data-plane/runtime/runtime.ts";
import { ClientSession } from "../../../data-plane/xds/client-session.ts";
import type { ResourceType } from "../../../data-plane/xds/discovery-message.ts";
import { wireDecoder } from "../../../data-plane/xds/wire-decoder.ts";
import { seededRandom, type Random } from "../../../shared/random.ts";
import { ok } from "../../../shared/result.ts";
import { encodeCluster } from "../../../shared/wire/cluster-wire.ts";
import { encodeLoadAssignment } from "../../../shared/wire/endpoint-wire.ts";
import { encodeListener } from "../../../shared/wire/listener-wire.ts";
import { encodeRouteConfig } from "../../../shared/wire/route-wire.ts";
import { assignment, cluster, listener, routeConfig } from "../../support/session-resources.ts";

const good: Readonly<Record<ResourceType, Buffer>> = {
  clusters: encodeCluster(cluster("a")),
  endpoints: encodeLoadAssignment(assignment("a")),
  listeners: encodeListener(listener("outbound")),
  routes: encodeRouteConfig(routeConfig("outbound", ["a"])),
};
const types: readonly ResourceType[] = ["clusters", "endpoints", "listeners", "routes"];

function openSession(random: Random): ClientSession<Runtime> {
  const endpoints = new EndpointStates();
  const clusters = new ClusterStates();
  const cache = new CompileCache();
  return new ClientSession({
    decoder: wireDecoder,
    acceptOlder: false,
    compile: (snapshot, revision) => {
      const compiled = compile(snapshot, { endpoints, clusters, cache, random, revision, localApp: undefined });
      return compiled.ok ? ok(compiled.value.runtime) : compiled;
    },
  });
}

/** The bytes with a few of them changed, left out, doubled or cut off. */
function damaged(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let times = 1 + random.below(3); times > 0; times -= 1) {
    const at = random.below(result.length + 1);
    const draw = random.below(4);
    if (draw === 0 && at < result.length) result.writeUInt8(random.below(256), at);
    else if (draw === 1) result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1)]);
    else if (draw === 2) result = Buffer.concat([result.subarray(0, at), result.subarray(Math.max(0, at - 4))]);
    else result = result.subarray(0, at);
  }
  return result;
}

describe("damaged resources", () => {
  it("are refused in words or taken for what they say, and never trip the proxy or take what it serves", () => {
    const random = seededRandom(20_261_121);
    let session = openSession(random);
    const counts = { refused: 0, taken: 0 };
    const say = (type: ResourceType, bytes: Buffer): ReturnType<typeof session.onResponse> =>
      session.onResponse({ type, version: "v", nonce: "n", server: "", resources: [{ type, bytes }] }, 0);
    for (let round = 0; round < 10_000; round += 1) {
      if (round % 20 === 0) {
        session = openSession(random);
        session.onOpened(0);
        for (const type of types) assert.equal(say(type, good[type]).refused, undefined);
      }
      const type = types[random.below(4)] ?? "clusters";
      const bytes = damaged(good[type], random);
      const outcome = say(type, bytes);
      const told = `round ${round}: ${type} ${bytes.toString("hex")}`;
      assert.equal(outcome.requests[0]?.type, type, told);
      if (outcome.refused === undefined) {
        counts.taken += 1;
        continue;
      }
      counts.refused += 1;
      assert.equal(outcome.activate, undefined, told);
      assert.notEqual(outcome.refused.reason, "", told);
      assert.doesNotMatch(outcome.refused.reason, /a bug in the proxy/, told);
    }
    // Most damage shows; what does not is another valid resource.
    assert.ok(counts.refused > 3_000 && counts.taken > 300, JSON.stringify(counts));
  });
});
