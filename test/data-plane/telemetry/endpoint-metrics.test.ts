import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { endpointFamilies } from "../../../data-plane/telemetry/endpoint-metrics.ts";
import { prometheusText } from "../../../data-plane/telemetry/prometheus-text.ts";
import { outlierPolicy } from "../../support/cluster-policies.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ProxyFixture } from "../../support/proxy-fixture.ts";

describe("the metrics of endpoints", () => {
  it("tell ejections with their reasons, who may be picked, panic, and slow starts", () => {
    const proxy = new ProxyFixture([1, 2, 3], {
      lb: { kind: "round-robin" },
      clock: new ManualClock(),
      policies: {
        outlier: outlierPolicy({ maxEjectionPercent: 100 }),
        slowStart: { windowMs: 1_000, minWeightPercent: 10 },
      },
    });
    const [watch] = proxy.watches.values();
    const [one, two] = proxy.endpoints;
    assert.ok(watch !== undefined && one !== undefined && two !== undefined);
    const lines = (): readonly string[] =>
      prometheusText(endpointFamilies([watch]))
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"));
    one.requests = 1;
    assert.deepEqual(lines(), [
      'heddle_outlier_ejections_active{cluster="reviews"} 0',
      'heddle_endpoint_health{cluster="reviews",endpoint="127.0.0.1:1"} 1',
      'heddle_lb_panic{service="reviews"} 0',
      'heddle_slow_start_endpoints{cluster="reviews"} 0',
    ]);
    for (const endpoint of [one, two]) for (let n = 0; n < 5; n += 1) watch.onResult(endpoint, "error");
    watch.onDeadline();
    assert.deepEqual(lines(), [
      'heddle_outlier_ejections_total{cluster="reviews",reason="consecutive-5xx"} 2',
      'heddle_outlier_ejections_active{cluster="reviews"} 2',
      'heddle_endpoint_health{cluster="reviews",endpoint="127.0.0.1:1"} 0',
      'heddle_endpoint_health{cluster="reviews",endpoint="127.0.0.1:2"} 0',
      'heddle_lb_panic{service="reviews"} 1',
      'heddle_slow_start_endpoints{cluster="reviews"} 0',
    ]);
  });
});
