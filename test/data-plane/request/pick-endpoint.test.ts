import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { pickEndpoint } from "../../../data-plane/request/pick-endpoint.ts";
import type { RequestContext } from "../../../data-plane/request/request-context.ts";
import { EndpointState } from "../../../data-plane/runtime/endpoint-state.ts";
import type { ClusterRuntime } from "../../../data-plane/runtime/runtime.ts";
import { PICKS_MAX } from "../../../shared/limits.ts";
import { seededRandom } from "../../../shared/random.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { retryPolicy } from "../../support/proxy-fixture.ts";

const [a, b] = ["a", "b"].map((host) => new EndpointState(`${host}:1`, { host, port: 1 }));

/** Picks what is listed, in order; then the last for ever. Remembers the hashes it was asked with. */
function listed(picks: readonly (EndpointState | undefined)[], hashes: number[] = []): ClusterRuntime {
  const picker = {
    pick: (hash: number) => {
      hashes.push(hash);
      return picks[Math.min(hashes.length, picks.length) - 1];
    },
  };
  // Of a cluster the step reads these alone.
  const choice = { picker, eligible: [a, b].filter((one) => one !== undefined) };
  return { choice } as unknown as ClusterRuntime;
}

function request(tried: (EndpointState | undefined)[], avoidPrevious = true): RequestContext {
  // Of a request it reads these.
  return {
    tried,
    hash: 7,
    services: { random: seededRandom(1), clock: new ManualClock() },
    route: { retry: retryPolicy(1, { avoidPrevious }) },
  } as unknown as RequestContext;
}

describe("the endpoint of the next attempt", () => {
  it("is the picker's first choice, by the request's hash", () => {
    const hashes: number[] = [];
    assert.equal(pickEndpoint(request([]), listed([a, b], hashes)), a);
    assert.deepEqual(hashes, [7]);
  });

  it("is another than those already tried, found by chance", () => {
    const hashes: number[] = [];
    assert.equal(pickEndpoint(request([a]), listed([a, a, a, b], hashes)), b);
    assert.deepEqual(hashes, [7, -1, -1, -1]);
  });

  it("is an untried one even when the picker never names it, unless the policy does not mind", () => {
    const hashes: number[] = [];
    assert.equal(pickEndpoint(request([a]), listed([a], hashes)), b);
    assert.equal(hashes.length, 1 + PICKS_MAX);
    assert.equal(pickEndpoint(request([a], false), listed([a, b])), a);
  });

  it("is a tried one when all have been tried", () => {
    assert.equal(pickEndpoint(request([a, b]), listed([a])), a);
  });

  it("is none when there is none", () => {
    assert.equal(pickEndpoint(request([a]), listed([undefined])), undefined);
  });
});
