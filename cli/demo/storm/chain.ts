import type { Resource } from "../../../shared/wire/admin-api.ts";
import type { Fields } from "../../documents/diff-documents.ts";
import { resourceOf } from "../../documents/resource-document.ts";
import type { Instance } from "../demo-mesh.ts";

/**
 * The same chain twice, each in a mesh of its own: web -> products -> reviews -> ratings. Three hops retry, so that one
 * request of web may become 3 x 3 x 3 at ratings. Web's program is the load generator.
 */
export const SIDES = ["naive", "protected"] as const;
export type SideName = (typeof SIDES)[number];

/** Requests that ratings can work on at once, and how its capacity and its queue follow from the rate of the clients. */
const SLOTS = 2;
/** What it can do when it is well, times the rate of the clients: enough for every day, and for no storm. */
const CAPACITY_FACTOR = 4;
/** It lets so much wait as it works off in this time: longer than a caller waits, as queues tend to be. */
const QUEUE_SEC = 1;

/** A caller of ratings gives one try this long. */
const TRY_TIMEOUT_MS = 500;
const CALLED = ["products", "reviews", "ratings"];

/** What many start with: retries, and nothing that bounds them. */
const UNBOUNDED: Fields = {
  retry_budget_percent: 100,
  retry_budget_min_per_sec: 1_000,
  cb_threshold: 100,
  cb_consecutive_failures: 0,
  outlier_consecutive_5xx: 0,
};

/** Heddle's defaults stay; the breaker probes after 3 s and not after 30, for this is a story of half a minute. */
const FALLING_BACK: Fields = {
  cb_recovery_sec: 3,
  fallback: "static",
  fallback_body: '{"stars": null, "fallback": true}',
};

/** Programs of the naive side do not pass the headers of a trace on: no hop knows that another one retries. */
export function instancesOf(side: SideName, rate: number): readonly Instance[] {
  const forgets = side === "naive" ? ["--forget-trace"] : [];
  const calling = (callee: string): Instance["program"] => ({ file: "service", args: [...forgets, callee] });
  const workMs = (SLOTS * 1_000) / (CAPACITY_FACTOR * rate);
  const queueMax = CAPACITY_FACTOR * rate * QUEUE_SEC;
  const ratings = { file: "storm/ratings", args: [SLOTS, workMs, queueMax].map(String) };
  return [
    { name: "web-1", service: "web", version: "v1", program: undefined },
    { name: "products-1", service: "products", version: "v1", program: calling("reviews") },
    { name: "reviews-1", service: "reviews", version: "v1", program: calling("ratings") },
    { name: "ratings-1", service: "ratings", version: "v1", program: ratings },
  ];
}

/** Both sides make three tries at each hop, and have the same patience. */
export function policiesOf(side: SideName): readonly Resource[] {
  return CALLED.map((service) => {
    const isLast = service === "ratings";
    const naive = side === "naive" ? UNBOUNDED : {};
    const protecting = side === "protected" && isLast ? FALLING_BACK : {};
    const patience = isLast ? { per_try_timeout_ms: TRY_TIMEOUT_MS } : {};
    return resourceOf("ServicePolicy", {
      service_name: service,
      retry_attempts: 3,
      ...patience,
      ...naive,
      ...protecting,
    });
  });
}
