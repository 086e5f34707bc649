import type { Metadata } from "../generated/envoy/config/core/v3/base.ts";
import { RoutePolicy, type RateLimit } from "../generated/heddle/discovery/v1/discovery.ts";
import type { RateLimitKey, RateLimitPolicy } from "../model/rate-limit.ts";
import type { Route } from "../model/route.ts";
import type { Violation } from "../violation.ts";
import { packAny } from "./any.ts";
import { encodeDuration, readPositiveMs } from "./duration-wire.ts";
import { join } from "./field-rules.ts";
import { readWithin, SOME } from "./range-wire.ts";
import { readTypedMetadata, typedMetadataPath } from "./typed-metadata.ts";

const POLICY_KEY = "heddle.route";

/** What a Heddle proxy needs to know of a route beside Envoy's messages; undefined when they say it all. */
export function routePolicyMetadata({ action, fault, rateLimit }: Route): Metadata | undefined {
  const retryNonIdempotent = action.kind === "forward" && action.retry?.retryNonIdempotent === true;
  const untilWallMs = fault?.untilWallMs;
  if (!retryNonIdempotent && untilWallMs === undefined && rateLimit === undefined) return undefined;
  const policy: RoutePolicy = {
    retryNonIdempotent,
    faultUntilWallMs: BigInt(untilWallMs ?? 0),
    rateLimit: rateLimit === undefined ? undefined : rateLimitMessage(rateLimit),
  };
  return { filterMetadata: {}, typedFilterMetadata: { [POLICY_KEY]: packAny(RoutePolicy, policy) } };
}

/** The route with what only Heddle's metadata says of it. */
export function withRoutePolicy(route: Route, metadata: Metadata | undefined, path: string, found: Violation[]): Route {
  const place = { key: POLICY_KEY, path };
  const policy = readTypedMetadata(RoutePolicy, metadata, place, found);
  if (policy === undefined) return route;
  const { action, fault } = route;
  const isRetried = policy.retryNonIdempotent && action.kind === "forward" && action.retry !== undefined;
  const untilWallMs = Number(policy.faultUntilWallMs);
  return {
    ...route,
    action: isRetried ? { ...action, retry: { ...action.retry, retryNonIdempotent: true } } : action,
    fault: fault === undefined || untilWallMs === 0 ? fault : { ...fault, untilWallMs },
    rateLimit:
      policy.rateLimit === undefined
        ? route.rateLimit
        : readRateLimit(policy.rateLimit, join(typedMetadataPath(place), "rate_limit"), found),
  };
}

function rateLimitMessage(policy: RateLimitPolicy): RateLimit {
  return {
    name: policy.name,
    requests: policy.requests,
    per: encodeDuration(policy.perMs),
    burst: policy.burst,
    by: keyMessage(policy.by),
    global: policy.scope === "global",
    failOpen: policy.failOpen,
  };
}

function readRateLimit(message: RateLimit, path: string, found: Violation[]): RateLimitPolicy {
  return {
    name: message.name,
    requests: readWithin(message.requests, SOME, join(path, "requests"), found),
    perMs: readPositiveMs(message.per, undefined, join(path, "per"), found),
    burst: readWithin(message.burst, SOME, join(path, "burst"), found),
    by: readKey(message.by),
    scope: message.global ? "global" : "local",
    failOpen: message.failOpen,
  };
}

function keyMessage(by: RateLimitKey): RateLimit["by"] {
  switch (by.kind) {
    case "client":
      return undefined;
    case "header":
      return { $case: "header", value: by.name };
    case "total":
      return { $case: "total", value: true };
  }
}

function readKey(by: RateLimit["by"]): RateLimitKey {
  if (by === undefined) return { kind: "client" };
  return by.$case === "header" ? { kind: "header", name: by.value } : { kind: "total" };
}
