import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { prometheusText, single } from "../../../data-plane/telemetry/prometheus-text.ts";
import { RequestMetrics } from "../../../data-plane/telemetry/request-metrics.ts";
import { requestRecord } from "../../support/request-records.ts";

describe("the Prometheus text", () => {
  it("names each family once, with help and type, before its series", () => {
    const text = prometheusText([
      single("gauge", "heddle_config_revision", "Newest revision in use.", 42),
      {
        name: "heddle_nacks_total",
        help: "Refused responses.",
        type: "counter",
        samples: [
          { suffix: "", labels: [["type", "clusters"]], value: 2 },
          { suffix: "", labels: [["type", "routes"]], value: 0 },
        ],
      },
      { name: "heddle_empty_total", help: "Nothing.", type: "counter", samples: [] },
    ]);
    assert.equal(
      text,
      `# HELP heddle_config_revision Newest revision in use.
# TYPE heddle_config_revision gauge
heddle_config_revision 42
# HELP heddle_nacks_total Refused responses.
# TYPE heddle_nacks_total counter
heddle_nacks_total{type="clusters"} 2
heddle_nacks_total{type="routes"} 0
`,
    );
  });

  it("escapes what would end a label's value or a line", () => {
    const text = prometheusText([
      {
        name: "m",
        help: "two\nlines \\ slash",
        type: "gauge",
        samples: [{ suffix: "", labels: [["a", 'x"} 1\nfake 2\\']], value: Infinity }],
      },
    ]);
    assert.equal(text, '# HELP m two\\nlines \\\\ slash\n# TYPE m gauge\nm{a="x\\"} 1\\nfake 2\\\\"} +Inf\n');
  });

  it("shows requests with cumulative buckets", () => {
    const metrics = new RequestMetrics();
    metrics.onFinished(requestRecord({ durationMs: 0.4 }));
    metrics.onFinished(requestRecord({ durationMs: 60, status: 503, flag: "UF", version: "v2", attempts: 3 }));
    const text = prometheusText(metrics.families());
    const edge = 'direction="outbound",source="web",destination="reviews"';
    for (const line of [
      `heddle_requests_total{${edge},version="v1",code="200",flag=""} 1`,
      `heddle_requests_total{${edge},version="v2",code="503",flag="UF"} 1`,
      `heddle_request_duration_milliseconds_bucket{${edge},le="0.5"} 1`,
      `heddle_request_duration_milliseconds_bucket{${edge},le="50"} 1`,
      `heddle_request_duration_milliseconds_bucket{${edge},le="100"} 2`,
      `heddle_request_duration_milliseconds_bucket{${edge},le="+Inf"} 2`,
      `heddle_request_duration_milliseconds_sum{${edge}} 60.4`,
      `heddle_request_duration_milliseconds_count{${edge}} 2`,
      `heddle_response_bytes_total{${edge}} 84`,
      `heddle_retries_total{${edge}} 2`,
    ]) {
      assert.ok(text.includes(`\n${line}\n`), `${line} is missing in\n${text}`);
    }
  });
});
