import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { HealthChecker, type CheckOwner } from "../../../data-plane/upstream/health-checker.ts";
import { HEALTH_PROBES_MAX } from "../../../shared/limits.ts";
import type { HealthCheckPolicy } from "../../../shared/model/cluster-policy.ts";
import { seededRandom } from "../../../shared/random.ts";
import { TimerWheel } from "../../../shared/timer-wheel.ts";
import { healthCheckPolicy } from "../../support/cluster-policies.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { answering, scriptedUpstream, turns, type ConnectionScript, type Ends } from "../../support/proxy-fixture.ts";

/** Settles when the event loop has brought it about. */
async function so(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn += 1) {
    assert.ok(turn < 100_000, "it never came so");
    await turns(1);
  }
}

/** A checker with a clock of the test's own, and what it told. */
class Bench implements CheckOwner {
  readonly clock = new ManualClock();
  readonly wheel = new TimerWheel(this.clock);
  readonly checker = new HealthChecker(this.wheel, seededRandom(3));
  readonly told: string[] = [];
  wants = true;

  wantsProbe(): boolean {
    return this.wants;
  }

  onChecked(check: { detail: string }, passed: boolean, change: { now: string } | undefined): void {
    this.told.push(
      [passed ? "passed" : "failed", check.detail, ...(change === undefined ? [] : [change.now])].join(", "),
    );
  }

  begin(t: Ends, port: number, parts: Partial<HealthCheckPolicy> = {}): void {
    const target = { address: { host: "127.0.0.1", port }, authority: "reviews", policy: healthCheckPolicy(parts) };
    const check = this.checker.begin(target, this, 0);
    t.after(() => check.cancel());
  }

  pass(ms: number): void {
    this.clock.now += ms;
    this.wheel.advance();
  }

  async until(count: number): Promise<void> {
    await so(() => this.told.length >= count);
  }
}

describe("a health check", () => {
  it("is a GET of the path, and every 2xx passes", async (t) => {
    const requests: string[] = [];
    const statuses = [200, 204, 299, 300, 404, 503];
    const script = (socket: Parameters<ConnectionScript>[0], number: number): void =>
      answering((request) => {
        requests.push(request);
        return `HTTP/1.1 ${statuses[number]} X\r\ncontent-length: 0\r\n\r\n`;
      })(socket, 0);
    const bench = new Bench();
    bench.begin(t, await scriptedUpstream(t, script), { path: "/well?how=so" });
    for (const index of statuses.keys()) {
      bench.pass(12_000);
      await bench.until(index + 1);
    }
    assert.match(requests[0] ?? "", /^GET \/well\?how=so HTTP\/1\.1\r\nhost: reviews\r\nuser-agent: heddle-health\r\n/);
    assert.deepEqual(bench.told, [
      "passed, answered 200, healthy",
      "passed, answered 204",
      "passed, answered 299",
      "failed, answered 300",
      "failed, answered 404",
      "failed, answered 503, unhealthy",
    ]);
  });

  it("fails without an answer in time, without a connection, and with what is no HTTP", async (t) => {
    const silent = new Bench();
    const asked: unknown[] = [];
    silent.begin(t, await scriptedUpstream(t, (socket) => socket.on("data", (bytes) => asked.push(bytes))));
    silent.pass(10);
    await so(() => asked.length > 0);
    silent.pass(2_900);
    await turns(5);
    assert.deepEqual(silent.told, []);
    silent.pass(110);
    assert.deepEqual(silent.told, ["failed, no answer within 3000 ms"]);

    const refused = new Bench();
    refused.begin(t, 1);
    refused.pass(10);
    await refused.until(1);
    assert.deepEqual(refused.told, ["failed, connect-failed"]);

    const babbling = new Bench();
    babbling.begin(t, await scriptedUpstream(t, (socket) => socket.end("hello\r\n\r\n")));
    babbling.pass(10);
    await babbling.until(1);
    assert.match(babbling.told[0] ?? "", /^failed, (protocol|died|unsent)$/);
  });

  it("comes again after its interval, a fifth sooner or later", async (t) => {
    const bench = new Bench();
    bench.begin(
      t,
      await scriptedUpstream(
        t,
        answering(() => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
      ),
    );
    bench.pass(10);
    await bench.until(1);
    for (let n = 2; n < 12; n += 1) {
      bench.pass(7_980);
      await turns(3);
      assert.equal(bench.told.length, n - 1, "not sooner");
      bench.pass(4_040);
      await bench.until(n);
    }
  });

  it("is left out while nobody wants it", async (t) => {
    const bench = new Bench();
    let connections = 0;
    bench.wants = false;
    bench.begin(t, await scriptedUpstream(t, () => (connections += 1)));
    for (let n = 0; n < 10; n += 1) {
      bench.pass(12_100);
      await turns(3);
    }
    assert.deepEqual([connections, bench.told.length], [0, 0]);
  });

  it("waits in line while as many are under way as may be", async (t) => {
    const bench = new Bench();
    let open = 0;
    const waiting: (() => void)[] = [];
    const port = await scriptedUpstream(t, (socket) => {
      open += 1;
      socket.on("data", () => waiting.push(() => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")));
    });
    const count = HEALTH_PROBES_MAX + 5;
    for (let n = 0; n < count; n += 1) bench.begin(t, port);
    bench.pass(10);
    await so(() => waiting.length === HEALTH_PROBES_MAX);
    await turns(20);
    assert.equal(open, HEALTH_PROBES_MAX);
    for (const answer of waiting.splice(0)) answer();
    await bench.until(HEALTH_PROBES_MAX);
    await so(() => waiting.length === 5);
    for (const answer of waiting.splice(0)) answer();
    await bench.until(count);
  });
});
