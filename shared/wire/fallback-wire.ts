import type { Fallback } from "../generated/heddle/discovery/v1/discovery.ts";
import type { FallbackPolicy } from "../model/cluster-policy.ts";
import { violation, type Violation } from "../violation.ts";
import { encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { join } from "./field-rules.ts";

export function fallbackMessage(policy: FallbackPolicy): Fallback {
  switch (policy.kind) {
    case "cached-response": {
      const value = { maxAge: encodeDuration(policy.maxAgeMs), body: policy.body };
      return { kind: { $case: "cachedResponse", value } };
    }
    case "static":
      return { kind: { $case: "staticBody", value: policy.body } };
    case "service":
      return { kind: { $case: "cluster", value: policy.cluster } };
  }
}

/** Undefined, with the reason in `found`, for a kind that this release does not know. */
export function readFallback(message: Fallback, path: string, found: Violation[]): FallbackPolicy | undefined {
  const { kind } = message;
  switch (kind?.$case) {
    case "cachedResponse": {
      const maxAgeMs = readPositiveMs(kind.value.maxAge, undefined, join(path, "cached_response.max_age"), found);
      return { kind: "cached-response", maxAgeMs, body: kind.value.body };
    }
    case "staticBody":
      return { kind: "static", body: kind.value };
    case "cluster":
      return { kind: "service", cluster: kind.value };
    case undefined:
      found.push(violation(path, "must have cached_response, static_body or cluster"));
      return undefined;
  }
}
