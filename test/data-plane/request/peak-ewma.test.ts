import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ManualClock } from "../../support/manual-clock.ts";
import { answering, ProxyFixture, scriptedUpstream, type Ends } from "../../support/proxy-fixture.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";
const OK = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/** Two endpoints under peak-ewma; the second answers with `head`. */
async function proxyFor(t: Ends, head: string): Promise<ProxyFixture> {
  const ports = [
    await scriptedUpstream(
      t,
      answering(() => OK),
    ),
    await scriptedUpstream(
      t,
      answering(() => `HTTP/1.1 ${head}\r\ncontent-length: 0\r\n\r\n`),
    ),
  ];
  const lb = { kind: "peak-ewma", decayMs: 10_000, defaultRttMs: 30 } as const;
  const clock = new ManualClock();
  const proxy = await new ProxyFixture(ports, { lb, clock }).start(t);
  // The first has answered before, somewhat slower than one that is not known yet is taken for.
  Object.assign(proxy.endpoints[0] ?? {}, { peakRttMs: 40, peakRttAtMs: clock.now });
  return proxy;
}

async function send(proxy: ProxyFixture, requests: number): Promise<readonly (number | undefined)[]> {
  const before = proxy.endpoints.map((endpoint) => endpoint.requests);
  const client = await proxy.connect();
  for (let n = 0; n < requests; n += 1) {
    client.write(GET);
    await client.response();
  }
  return proxy.endpoints.map((endpoint, index) => endpoint.requests - (before[index] ?? 0));
}

describe("a cluster under peak-ewma", () => {
  it("spares an endpoint that failed once, for as long as it asks", async (t) => {
    for (const [head, peakMs] of [
      ["429 Too Many Requests\r\nretry-after: 200", 200_000],
      ["503 Service Unavailable", 5_000],
    ] as const) {
      const proxy = await proxyFor(t, head);
      assert.deepEqual(await send(proxy, 60), [59, 1], head);
      assert.equal(proxy.endpoints[1]?.peakRttMs, peakMs);
    }
  });
});
