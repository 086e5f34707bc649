import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Histogram } from "../../../data-plane/telemetry/histogram.ts";
import { prometheusText, single, type MetricFamily } from "../../../data-plane/telemetry/prometheus-text.ts";
import { countersOf, sumFamilies } from "../../../data-plane/telemetry/sum-families.ts";

function histogram(durations: readonly number[]): MetricFamily {
  const counts = new Histogram();
  for (const duration of durations) counts.observe(duration);
  return { name: "took", help: "How long.", type: "histogram", samples: counts.samples([["to", "reviews"]]) };
}

describe("the families of several workers", () => {
  it("are those of one when there is one", () => {
    const families = [single("counter", "a", "A.", 1)];
    assert.equal(sumFamilies([families]), families);
  });

  it("add up where the labels are equal, and stand beside each other where they are not", () => {
    const by = (code: string, value: number): MetricFamily => ({
      name: "requests",
      help: "Requests.",
      type: "counter",
      samples: [{ suffix: "", labels: [["code", code]], value }],
    });
    const text = prometheusText(
      sumFamilies([[by("200", 3)], [by("200", 4), single("gauge", "b", "B.", 1)], [by("503", 5)]]),
    );
    assert.equal(
      text,
      [
        "# HELP requests Requests.",
        "# TYPE requests counter",
        'requests{code="200"} 7',
        'requests{code="503"} 5',
        "# HELP b B.",
        "# TYPE b gauge",
        "b 1",
        "",
      ].join("\n"),
    );
  });

  it("are the histogram of all durations together", () => {
    assert.deepEqual(sumFamilies([[histogram([1, 20])], [histogram([3, 70_000])]]), [histogram([1, 20, 3, 70_000])]);
  });

  it("are the largest for a state that all workers see", () => {
    const open = (value: number): MetricFamily => ({ ...single("gauge", "open", "Open.", value), combine: "largest" });
    assert.deepEqual(
      sumFamilies([[open(0)], [open(1)], [open(1)]]).flatMap(({ samples }) => samples.map(({ value }) => value)),
      [1],
    );
  });

  it("leave only what never goes down when a worker has ended", () => {
    const families = [single("counter", "a", "A.", 1), single("gauge", "b", "B.", 1), histogram([1])];
    assert.deepEqual(
      countersOf(families).map(({ name }) => name),
      ["a", "took"],
    );
  });
});
