import type { FallbackPolicy } from "../../shared/model/cluster-policy.ts";
import type { StoredResponse } from "../policy/response-cache.ts";
import type { LocalReason } from "./local-reply.ts";
import type { RequestContext } from "./request-context.ts";
import { cacheKey, isCacheable } from "./response-copy.ts";
import { callerLeftMs } from "./settle-time.ts";

/** What stands in for an answer of the service. */
export type Fallback =
  | { readonly kind: "stored"; readonly response: StoredResponse }
  | { readonly kind: "static"; readonly body: string }
  | { readonly kind: "service"; readonly cluster: string };

/**
 * The answers of the proxy that a fallback takes the place of (seeds.md C18): the service is not there, not well, or not
 * in time. What the client did wrong stays an error, and so does what the operator did.
 */
export function isReplaceable(reason: LocalReason): boolean {
  switch (reason) {
    case "no-endpoint":
    case "overflow":
    case "circuit-open":
    case "connect-failed":
    case "connect-timeout":
    case "upstream-unsent":
    case "upstream-died":
    case "upstream-stalled":
    case "upstream-protocol":
    case "timeout":
    case "try-timeout":
      return true;
    default:
      return false;
  }
}

/** What the service's policy offers this request, or undefined: then the failure itself is the answer. Once per request. */
export function fallbackOf(ctx: RequestContext): Fallback | undefined {
  const policy = ctx.cluster?.policies.fallback;
  if (policy === undefined || ctx.fallback !== "" || ctx.head.upgrade !== "") return undefined;
  switch (policy.kind) {
    case "cached-response":
      return storedFor(ctx, policy);
    case "static":
      return policy;
    case "service":
      return serviceFor(ctx, policy);
  }
}

/** There is no time for it when the caller has stopped waiting, whose deadline is never put off. */
function serviceFor(ctx: RequestContext, policy: Extract<FallbackPolicy, { kind: "service" }>): Fallback | undefined {
  const isPossible = ctx.body.isReplayable && ctx.runtime.clusters.has(policy.cluster) && callerLeftMs(ctx) > 0;
  return isPossible ? policy : undefined;
}

function storedFor(
  ctx: RequestContext,
  { maxAgeMs, body }: Extract<FallbackPolicy, { kind: "cached-response" }>,
): Fallback | undefined {
  const { responses, clock } = ctx.services;
  const response = isCacheable(ctx)
    ? responses.find(cacheKey(ctx), ctx.head.headers, maxAgeMs, clock.nowMs())
    : undefined;
  if (response !== undefined) return { kind: "stored", response };
  return body === undefined ? undefined : { kind: "static", body };
}
