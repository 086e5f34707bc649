import type { ForwardAction, HashPolicy, RetryPolicy } from "../../shared/model/route.ts";
import type * as rows from "../catalog/catalog.ts";
import type { ServicePolicy } from "../catalog/service-policy.ts";

/** How requests are forwarded, whatever the clusters: what a policy and a Route row say of it. */
export type Forward = Omit<ForwardAction, "clusters" | "hashOn" | "mirrors">;

/** For the calls that no rule takes. */
export function forwardOf(policy: ServicePolicy): Forward {
  return {
    kind: "forward",
    timeoutMs: policy.timeoutMs,
    retry: retryOf(policy, policy.retryAttempts),
    prefixRewrite: undefined,
    regexRewrite: undefined,
    hostRewrite: undefined,
  };
}

/** For the calls that a rule takes: what it says comes before the policy of the service that was called. */
export function ruleForward(row: rows.Route, policy: ServicePolicy): Forward {
  const base = forwardOf(policy);
  return {
    ...base,
    timeoutMs: row.timeoutMs ?? base.timeoutMs,
    retry: retryOf(policy, row.retryAttempts ?? policy.retryAttempts),
    // An exact path is replaced whole by the rewrite of its prefix, for it is its own prefix.
    prefixRewrite: row.prefixRewrite ?? undefined,
    hostRewrite: row.hostRewrite ?? undefined,
  };
}

function retryOf(policy: ServicePolicy, attempts: number): RetryPolicy | undefined {
  if (attempts <= 1) return undefined;
  return {
    retryOn: policy.retryOn,
    retries: attempts - 1,
    perTryTimeoutMs: policy.perTryTimeoutMs ?? undefined,
    retriableStatuses: policy.retryStatuses,
    backoffBaseMs: policy.retryBackoffBaseMs,
    backoffMaxMs: policy.retryBackoffMaxMs,
    avoidPrevious: true,
    retryNonIdempotent: policy.retryNonIdempotent,
    retryAfterMaxMs: policy.retryAfterMaxMs,
    hedgeOnTryTimeout: policy.hedgeOnPerTryTimeout,
  };
}

/** `header:NAME`, `cookie:NAME` or `source`, as the field table checked it. */
export function hashPolicy(text: string): HashPolicy {
  const colon = text.indexOf(":");
  if (colon === -1) return { kind: "source-ip", terminal: false };
  const kind = text.slice(0, colon) === "cookie" ? "cookie" : "header";
  return { kind, name: text.slice(colon + 1), terminal: false };
}
