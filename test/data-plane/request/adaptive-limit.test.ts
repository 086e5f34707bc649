import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ADAPTIVE_MEASURE_SAMPLES } from "../../../shared/defaults.ts";
import { answering, ProxyFixture, scriptedUpstream } from "../../support/proxy-fixture.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";
const POLICIES = { adaptive: { concurrencyMin: 3, concurrencyMax: 1_000 } };
const OVERLOADED = "HTTP/1.1 503 No\r\nx-heddle-overloaded: true\r\ncontent-length: 0\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

describe("the limit that follows the latency", () => {
  it("takes a service that nobody reaches, or that refuses for lack of room, for no fast one", async (t) => {
    let answer: string | undefined = undefined;
    const port = await scriptedUpstream(t, (socket, number) => {
      if (answer === undefined) socket.destroy();
      else answering(() => answer ?? "")(socket, number);
    });
    const proxy = await new ProxyFixture([port], { policies: POLICIES }).start(t);
    const { adaptive } = proxy.clusterState.service;
    for (let n = 0; n < ADAPTIVE_MEASURE_SAMPLES + 1; n += 1) assert.match(await proxy.send(GET), / 503 /);
    assert.equal(adaptive.leastMs, 0);
    answer = OVERLOADED;
    for (let n = 0; n < ADAPTIVE_MEASURE_SAMPLES + 1; n += 1) assert.match(await proxy.send(GET), / 503 /);
    assert.equal(adaptive.leastMs, 0);
    answer = OK;
    for (let n = 0; n < ADAPTIVE_MEASURE_SAMPLES + 1; n += 1) assert.match(await proxy.send(GET), / 200 /);
    assert.ok(adaptive.leastMs > 0);
    assert.equal(adaptive.active, 0);
  });
});
