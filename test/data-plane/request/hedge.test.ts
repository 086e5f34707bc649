import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, it } from "node:test";

import { ManualClock } from "../../support/manual-clock.ts";
import {
  ProxyFixture,
  retryPolicy,
  scriptedUpstream,
  type Ends,
  type FixtureOptions,
} from "../../support/proxy-fixture.ts";
import { bodyOf, type RawClient } from "../../support/raw-client.ts";

const GET = "GET / HTTP/1.1\r\nHost: reviews\r\n\r\n";

function ok(body: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

const BROKEN = "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n";

/** Endpoints that answer when the test says so; the n-th attempt goes to the n-th of them. */
class Hedged {
  readonly clock = new ManualClock();
  readonly attempts: Socket[] = [];
  proxy!: ProxyFixture;
  client!: RawClient;

  async start(t: Ends, options: FixtureOptions = {}): Promise<this> {
    const ports: number[] = [];
    for (let index = 0; index < 3; index += 1) {
      ports.push(
        await scriptedUpstream(t, (socket) => {
          socket.once("data", () => this.attempts.push(socket));
        }),
      );
    }
    const retry = retryPolicy(2, { perTryTimeoutMs: 300, hedgeOnTryTimeout: true });
    this.proxy = await new ProxyFixture(ports, { clock: this.clock, retry, ...options }).start(t);
    this.client = await this.proxy.connect();
    this.client.write(GET);
    await this.arrived(1);
    return this;
  }

  arrived(count: number): Promise<void> {
    return this.proxy.until(() => this.attempts.length === count, `attempt ${count} has arrived`);
  }

  async tryPasses(): Promise<void> {
    await this.proxy.pass(310);
  }

  /** The bodies of all answers to the client. */
  async answer(): Promise<string> {
    const response = await this.client.response();
    assert.match(response, /^HTTP\/1\.1 200 /);
    return bodyOf(response);
  }

  async allReleased(): Promise<void> {
    await this.proxy.until(() => this.proxy.active === 0, "every attempt has been given back");
    assert.equal(this.proxy.clusterState.requests.active, 0);
    assert.equal(this.proxy.clusterState.retries.active, 0);
  }
}

describe("a hedge", () => {
  it("that answers first wins, and the slow try is given up", async (t) => {
    const hedged = await new Hedged().start(t);
    await hedged.tryPasses();
    await hedged.arrived(2);
    assert.equal(hedged.proxy.active, 2, "the first try goes on");
    hedged.attempts[1]?.write(ok("second"));
    assert.equal(await hedged.answer(), "second");
    await hedged.allReleased();
    const { attempts, flag, endpoint } = hedged.proxy.last();
    assert.deepEqual([attempts, flag, endpoint], [2, "", hedged.proxy.endpoints[1]?.key]);
    assert.equal(hedged.proxy.endpoints[0]?.failures, 1, "too slow is a failure of the first");
    assert.equal(hedged.proxy.endpoints[1]?.failures, 0);
  });

  it("loses to the first try when that answers first", async (t) => {
    const hedged = await new Hedged().start(t);
    await hedged.tryPasses();
    await hedged.arrived(2);
    hedged.attempts[0]?.write(ok("first"));
    assert.equal(await hedged.answer(), "first");
    await hedged.allReleased();
    assert.equal(hedged.proxy.last().endpoint, hedged.proxy.endpoints[0]?.key);
    assert.deepEqual(
      hedged.proxy.endpoints.map(({ failures }) => failures),
      [0, 0, 0],
      "nothing was learnt of the one that lost",
    );
  });

  it("does not end the race by a bad answer while the other try may bring a good one", async (t) => {
    for (const bad of [0, 1]) {
      const hedged = await new Hedged().start(t);
      await hedged.tryPasses();
      await hedged.arrived(2);
      hedged.attempts[bad]?.write(BROKEN);
      await hedged.proxy.until(() => hedged.proxy.active === 1, "the bad one is given back");
      hedged.attempts[1 - bad]?.write(ok("good"));
      assert.equal(await hedged.answer(), "good", `try ${bad} was bad`);
      await hedged.allReleased();
    }
  });

  it("does not end it by a failure either", async (t) => {
    for (const bad of [0, 1]) {
      const hedged = await new Hedged().start(t);
      await hedged.tryPasses();
      await hedged.arrived(2);
      hedged.attempts[bad]?.resetAndDestroy();
      await hedged.proxy.until(() => hedged.proxy.active === 1, "the dead one is given back");
      hedged.attempts[1 - bad]?.write(ok("good"));
      assert.equal(await hedged.answer(), "good", `try ${bad} died`);
      await hedged.allReleased();
    }
  });

  it("is followed by another one, two at a time at most, and after the last the tries go on until the deadline", async (t) => {
    const hedged = await new Hedged().start(t, { timeoutMs: 2_000 });
    await hedged.tryPasses();
    await hedged.arrived(2);
    await hedged.tryPasses();
    await hedged.arrived(3);
    assert.equal(hedged.proxy.active, 2, "the oldest was given up");
    await hedged.tryPasses();
    assert.equal(hedged.proxy.active, 2);
    await hedged.proxy.pass(1_200);
    assert.match(await hedged.client.response(), /^HTTP\/1\.1 504 /);
    assert.equal(hedged.proxy.last().flag, "UT");
    await hedged.allReleased();
  });

  it("is paid from the budget, and without it the first try goes on alone", async (t) => {
    const policies = { retryBudget: { ratio: 0, minPerSec: 0, windowMs: 10_000 } };
    const hedged = await new Hedged().start(t, { policies });
    await hedged.tryPasses();
    assert.equal(hedged.proxy.active, 1);
    hedged.attempts[0]?.write(ok("first"));
    assert.equal(await hedged.answer(), "first");
    assert.deepEqual([hedged.attempts.length, hedged.proxy.last().flag], [1, ""]);
  });

  it("is given back with its request when the client goes away", async (t) => {
    const hedged = await new Hedged().start(t);
    await hedged.tryPasses();
    await hedged.arrived(2);
    hedged.client.socket.resetAndDestroy();
    await hedged.allReleased();
  });
});
