import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Runtime } from "../../../data-plane/runtime/runtime.ts";
import { emptyRuntime } from "../../../data-plane/runtime/apply.ts";
import { AppCheck, type AppHealth } from "../../../data-plane/upstream/app-check.ts";
import { HealthChecker } from "../../../data-plane/upstream/health-checker.ts";
import { NO_POLICIES, type HealthCheckPolicy } from "../../../shared/model/cluster-policy.ts";
import { seededRandom } from "../../../shared/random.ts";
import { TimerWheel } from "../../../shared/timer-wheel.ts";
import { healthCheckPolicy } from "../../support/cluster-policies.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { answering, scriptedUpstream, turns, type Ends } from "../../support/proxy-fixture.ts";
import { clusterRuntime } from "../../support/route-builders.ts";

const SILENT = { info: () => {}, warn: () => {} };

function runtimeWith(healthCheck: HealthCheckPolicy | undefined): Runtime {
  const cluster = { ...clusterRuntime("web"), policies: { ...NO_POLICIES, healthCheck } };
  return { ...emptyRuntime, clusters: new Map([["web", cluster]]) };
}

/** The check of an app that answers with `app.status`, and all that was reported of it. */
async function checked(t: Ends, app: { status: number }) {
  const port = await scriptedUpstream(
    t,
    answering(() => `HTTP/1.1 ${app.status} X\r\ncontent-length: 0\r\n\r\n`),
  );
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  const reports: AppHealth[] = [];
  const check = new AppCheck({
    service: "web",
    app: { host: "127.0.0.1", port },
    checker: new HealthChecker(wheel, seededRandom(1)),
    log: SILENT,
    report: (health) => reports.push(health),
  });
  t.after(() => check.stop());
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.now += 500;
      wheel.advance();
      await turns(20);
    }
  };
  return { check, reports, pass };
}

describe("the check of the app beside the proxy", () => {
  it("reports each change of its health, once", async (t) => {
    const app = { status: 200 };
    const { check, reports, pass } = await checked(t, app);
    check.follow(runtimeWith(healthCheckPolicy({ by: "proxy" })));
    await pass(30_000);
    app.status = 500;
    await pass(40_000);
    app.status = 204;
    await pass(40_000);
    assert.deepEqual(reports, [
      { health: "passing", detail: "answered 200" },
      { health: "failing", detail: "answered 500" },
      { health: "passing", detail: "answered 204" },
    ]);
  });

  it("happens only where the policy of the proxy's own service asks the proxy", async (t) => {
    for (const policy of [undefined, healthCheckPolicy({ by: "callers" })]) {
      const { check, reports, pass } = await checked(t, { status: 200 });
      check.follow(runtimeWith(policy));
      check.follow(emptyRuntime);
      await pass(30_000);
      assert.deepEqual(reports, []);
    }
    const both = await checked(t, { status: 200 });
    both.check.follow(runtimeWith(healthCheckPolicy({ by: "both" })));
    await both.pass(2_000);
    assert.equal(both.reports.length, 1);
  });

  it("goes on through changes of anything else, and says when it ends", async (t) => {
    const { check, reports, pass } = await checked(t, { status: 500 });
    const policy = healthCheckPolicy({ by: "proxy" });
    for (let n = 0; n < 50; n += 1) {
      check.follow(runtimeWith(policy));
      await pass(1_000);
    }
    assert.deepEqual(
      reports.map(({ health }) => health),
      ["failing"],
    );
    check.follow(runtimeWith(undefined));
    assert.deepEqual(reports.at(-1), { health: "unknown", detail: "no policy asks for it" });
  });
});
