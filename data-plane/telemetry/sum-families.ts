import { METRIC_SERIES_MAX } from "../../shared/limits.ts";
import { DURATION_BUCKETS_MS } from "./histogram.ts";
import type { MetricFamily, Sample } from "./prometheus-text.ts";

/** Of one family: workers that come and go must not add series for ever. A histogram has a sample for each bucket. */
const SAMPLES_MAX = METRIC_SERIES_MAX * (DURATION_BUCKETS_MS.length + 3);

/** One exposition of several workers': samples with the same labels become their sum, or as `combine` says. */
export function sumFamilies(lists: readonly (readonly MetricFamily[])[]): readonly MetricFamily[] {
  const [first = []] = lists;
  if (lists.length <= 1) return first;
  const byName = new Map<string, MetricFamily[]>();
  for (const family of lists.flat()) {
    const known = byName.get(family.name);
    if (known === undefined) byName.set(family.name, [family]);
    else known.push(family);
  }
  return [...byName.values()].flatMap((families) => {
    const [family] = families;
    if (family === undefined) return [];
    return [{ ...family, samples: combined(families) }];
  });
}

/** What must not be forgotten when the worker that counted it ends: a counter never goes down. */
export function countersOf(families: readonly MetricFamily[]): readonly MetricFamily[] {
  return families.filter(({ type }) => type !== "gauge");
}

function combined(families: readonly MetricFamily[]): readonly Sample[] {
  const byLabels = new Map<string, Sample>();
  for (const { samples, combine = "sum" } of families) {
    for (const sample of samples) {
      const key = sample.suffix + JSON.stringify(sample.labels);
      const known = byLabels.get(key)?.value;
      if (known === undefined && byLabels.size >= SAMPLES_MAX) continue;
      const value = known === undefined ? sample.value : COMBINED[combine](known, sample.value);
      byLabels.set(key, { ...sample, value });
    }
  }
  return [...byLabels.values()];
}

const COMBINED = { sum: (one: number, other: number) => one + other, largest: Math.max, least: Math.min };
